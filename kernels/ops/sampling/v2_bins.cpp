// No row is sorted. Tokens fall into bins by how far their logit lies below the largest; each bin knows how many
// it holds and what they weigh. Which bin a limit falls into, the top k, the share p, or the draw, is found by
// walking the bins; only the tokens of that bin are sorted.
// Learned: three sorts of some hundred tokens cost less than a pass over the row; what is left is exp and the
// counting into bins, a few cycles per token.
#include <algorithm>
#include <cstdlib>

#include "parallel.h"
#include "simd.h"

using namespace simd;

constexpr int BINS = 2048;
constexpr float PER_UNIT = 64;  // bins per unit of (logit - largest) / temperature; what is 32 below shares the last

struct Token {
    float logit;
    int64_t at;
    bool operator<(const Token &other) const {
        return logit != other.logit ? logit > other.logit : at < other.at;
    }
};

// What one thread works in.
struct Scratch {
    double mass[BINS];
    int64_t count[BINS];
    float *weight = nullptr;
    uint16_t *bin = nullptr;
    Token *tokens = nullptr;
    explicit Scratch(int64_t n)
        : weight((float *)malloc((n + W) * sizeof(float))),
          bin((uint16_t *)malloc((n + W) * sizeof(uint16_t))),
          tokens((Token *)malloc((n + W) * sizeof(Token))) {}
    Scratch(const Scratch &) = delete;
    ~Scratch() { free(weight), free(bin), free(tokens); }
    bool ready() const { return weight && bin && tokens; }
};

// The tokens kept: all of the bins before `bin`, and the first `within` of that one.
struct Cut {
    int bin;
    int64_t within;
};

template <class T>
struct Row {
    const T *x;
    int64_t n;
    Scratch &s;
    float top;

    // The largest logit; NaN if there is one.
    static float largest(const T *x, int64_t n) {
        const float inf = std::numeric_limits<float>::infinity();
        vf high = splat(-inf), odd = vf{};
        int64_t i = 0;
        for (; i + W <= n; i += W) {
            vf v = load(x + i);
            high = max(v, high);
            odd += v != v ? splat(1.0f) : vf{};
        }
        if (int rest = int(n - i)) {
            vf v = load_some(x + i, rest, -inf);
            high = max(v, high);
            odd += v != v ? splat(1.0f) : vf{};
        }
        return sum(odd) > 0 ? std::numeric_limits<float>::quiet_NaN() : max_of(high);
    }

    // Weights and bins of all tokens. Behind the row they are written as well, up to a whole vector.
    void weigh(float temperature) {
        const float inf = std::numeric_limits<float>::infinity();
        for (int64_t i = 0; i < n; i += W) {
            vf v = i + W <= n ? load(x + i) : load_some(x + i, int(n - i), -inf);
            vf below = (v - top) / temperature;
            below = v == top ? vf{} : below;  // +inf less +inf is none
            store(s.weight + i, exp(below));
            vi bin = __builtin_convertvector(min(splat(BINS - 1.0f), below * -PER_UNIT), vi);
            vh narrow = __builtin_convertvector(bin, vh);
            memcpy(s.bin + i, &narrow, sizeof narrow);
        }
    }

    void count() {
        std::fill_n(s.mass, BINS, 0.0);
        std::fill_n(s.count, BINS, int64_t(0));
        for (int64_t i = 0; i < n; i++) {
            s.mass[s.bin[i]] += double(s.weight[i]);
            s.count[s.bin[i]]++;
        }
    }

    // The tokens of a bin, to s.tokens.
    int64_t collect(int bin) {
        int64_t found = 0;
        for (int64_t i = 0; i < n; i++)
            if (s.bin[i] == bin) s.tokens[found++] = {widen(x[i]), i};
        return found;
    }

    // The first k; afterwards the mass of the last bin is that of its part.
    Cut first(int64_t k) {
        Cut cut{0, 0};
        for (int64_t before = 0; cut.bin < BINS; before += s.count[cut.bin++])
            if (before + s.count[cut.bin] >= k) {
                cut.within = k - before;
                break;
            }
        if (cut.within < s.count[cut.bin]) {
            std::nth_element(s.tokens, s.tokens + cut.within, s.tokens + collect(cut.bin));
            s.mass[cut.bin] = 0;
            for (int64_t i = 0; i < cut.within; i++) s.mass[cut.bin] += double(s.weight[s.tokens[i].at]);
        }
        return cut;
    }

    // Walk the tokens before `cut` in order until their running mass reaches `target` (exceeds it, if `beyond`);
    // s.tokens has the bin walked last, sorted, and `reached` becomes the running mass.
    Cut walk(Cut cut, double target, bool beyond, double *reached) {
        auto enough = [=](double mass) { return beyond ? mass > target : mass >= target; };
        double mass = 0;
        int bin = 0;
        while (bin < cut.bin && !(s.count[bin] && enough(mass + s.mass[bin]))) mass += s.mass[bin++];
        int64_t found = collect(bin);
        std::sort(s.tokens, s.tokens + found);
        if (bin == cut.bin) found = cut.within;
        int64_t within = 0;
        while (within < found) {
            mass += double(s.weight[s.tokens[within++].at]);
            if (enough(mass)) break;
        }
        *reached = mass;
        return {bin, within};
    }

    int64_t draw(double u, double p, float temperature, int64_t top_k) {
        if (temperature == 0) {
            for (int64_t i = 0;; i++)
                if (widen(x[i]) == top) return i;
        }
        weigh(temperature);
        count();
        Cut cut = first(top_k > 0 && top_k < n ? top_k : n);
        double all = 0, kept, drawn;
        for (int bin = 0; bin <= cut.bin; bin++) all += s.mass[bin];
        cut = walk(cut, p * all, false, &kept);
        cut = walk(cut, u * kept, true, &drawn);
        return s.tokens[cut.within - 1].at;
    }
};

template <class T>
static int all(
    const T *logits, const float *u, int64_t *drawn, int64_t rows, int64_t n, double p, double temperature,
    int64_t top_k, int threads) {
    bool failed = false;
    parallel_for(rows, 16384 / (n + 1) + 1, threads, [=, &failed](int64_t from, int64_t to) {
        Scratch scratch(n);
        if (!scratch.ready()) {
            __atomic_store_n(&failed, true, __ATOMIC_RELAXED);
            return;
        }
        for (int64_t i = from; i < to; i++) {
            float top = Row<T>::largest(logits + i * n, n);
            bool some = top > -std::numeric_limits<float>::infinity();  // not for NaN
            Row<T> row{logits + i * n, n, scratch, top};
            drawn[i] = some ? row.draw(u[i], p, float(temperature), top_k) : -1;
        }
    });
    return failed ? NO_MEMORY : OK;
}

#define DEFINE(T, DTYPE)                                                                                     \
    KERNEL sample_top_p_v2_bins_##DTYPE(                                                                     \
        const T *logits, const float *u, int64_t *drawn, int64_t rows, int64_t n, double p,                  \
        double temperature, int64_t top_k, int threads) {                                                    \
        return all(logits, u, drawn, rows, n, p, temperature, top_k, threads);                               \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
