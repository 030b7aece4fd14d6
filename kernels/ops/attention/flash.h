// The course of a flash forward pass, whichever engine multiplies: rows of queries against one tile of keys after the
// other, with the largest logit, the sum of weights and the weighted values of each row carried along.
//
// Rows are those of all query heads that share a head of keys, which lie one after the other in memory. Logits are in
// powers of two: log2(e) is folded into the scale. What a tile's weights are does not depend on how rows are split
// over threads, so neither does the result.
#pragma once
#include <atomic>
#include <cmath>

#include "parallel.h"
#include "tile.h"

namespace flash {

using namespace tile;

constexpr float NONE = -std::numeric_limits<float>::infinity();
constexpr double LN2 = 0.69314718055994530942;

template <class T>
struct Call {
    const T *q, *k, *v, *mask;
    const uint8_t *key_mask;
    T *out;
    float *lse;
    int64_t b, hq, sq, d, hk, sk, e, mb, mh;
    bool causal;
    float scale;  // of powers of two

    int64_t group() const { return hk ? hq / hk : 1; }
    int64_t rows() const { return group() * sq; }

    // How many keys, from the first, a row sees.
    int64_t limit(int64_t row) const { return causal ? most(row % sq + sk - sq + 1, 0) : sk; }
    // The largest of those of several rows.
    int64_t limit(int64_t from, int64_t to) const {
        return from / sq == (to - 1) / sq ? limit(to - 1) : sk;
    }
    const T *mask_row(int64_t ib, int64_t ik, int64_t row) const {
        if (!mask) return nullptr;
        int64_t head = ik * group() + row / sq;
        int64_t plane = (mb > 1 ? ib : 0) * mh + (mh > 1 ? head : 0);
        return mask + (plane * sq + row % sq) * sk;
    }
};

#if defined(__AVX512BF16__)
inline void put(bf16 *p, vf x) {
    __m256bh y = _mm512_cvtneps_pbh((__m512)x);
    memcpy(p, &y, sizeof y);
}
#endif
inline void put(float *p, vf x) { store(p, x); }

// -1 for a key that is there, 0 for another; n of them and as many more as fill a vector.
inline void mark(const uint8_t *there, int64_t n, int32_t *present) {
    for (int64_t j = 0; there && j < round_up(n, W); j++) present[j] = j < n && there[j] ? -1 : 0;
}

// Logits with what is added to them and what is hidden: s = s * scale + mask, -inf for a hidden key. `n` of them are
// keys, `cols` are computed.
template <class T>
inline void hide(float *s, int64_t cols, int64_t n, int64_t seen, float scale, const T *mask, const int32_t *present) {
    const float log2e = 1.44269504088896341f;
    for (int64_t j = 0; j < cols; j += W) {
        vf x = load(s + j) * scale;
        if (mask && j < n) x += load_part(mask + j, n - j) * log2e;
        vi place = lanes() + int32_t(j);
        vi visible = place < int32_t(seen);
        if (present) visible &= load_int(present + j);
        store(s + j, visible ? x : splat(NONE));
    }
}

// The largest of the first `seen` logits.
inline float largest(const float *s, int64_t seen) {
    vf top = splat(NONE);
    int64_t j = 0;
    for (; j + W <= seen; j += W) top = max(load(s + j), top);
    if (j < seen) top = max(lanes() < int32_t(seen - j) ? load(s + j) : splat(NONE), top);
    return top_of(top);
}

// s = s * scale - reference, less what the product with the scale lost of the largest: its weight is then 1, which
// bfloat16 holds, however large the logits are.
inline void shift(float *s, int64_t cols, float scale, float reference, float raw) {
    float lost = std::fma(raw, scale, -reference);
    for (int64_t j = 0; j < cols; j += W) store(s + j, load(s + j) * scale - reference - lost);
}

// Logits to weights p = 2^(s * scale - top), 0 behind `seen` up to `cols`; adds them up per lane.
template <int DEGREE, class P>
inline vf weigh(const float *s, P *p, int64_t cols, int64_t seen, float scale, float top) {
    vf total = {};
    int64_t j = 0;
    for (; j + W <= seen; j += W) {
        vf y = exp2<DEGREE>(load(s + j) * scale - top);
        total += y;
        put(p + j, y);
    }
    if (j < seen) {
        vf y = exp2<DEGREE>(load(s + j) * scale - top);
        y = lanes() < int32_t(seen - j) ? y : vf{};
        total += y;
        put(p + j, y);
        j += W;
    }
    for (; j < cols; j += W) put(p + j, vf{});
    return total;
}

// What is carried along per row.
struct State {
    float *sums;   // weighted values, `ld` apart
    float *top;    // the largest logit so far
    float *total;  // the sum of weights, W parts
    int64_t ld;

    void clear(int64_t rows) {
        memset(sums, 0, rows * ld * sizeof(float));
        memset(total, 0, rows * W * sizeof(float));
        for (int64_t i = 0; i < rows; i++) top[i] = NONE;
    }
    // A tile's logits of one row become weights; what is there already is scaled down where the largest grew.
    template <int DEGREE, class T, class P>
    void take(int64_t i, float *s, P *p, int64_t cols, int64_t n, int64_t seen, float scale, const T *mask,
              const int32_t *present) {
        if (mask || present || scale < 0) {
            hide(s, cols, n, seen, scale, mask, present);
            seen = cols;
            scale = 1;
        }
        float raw = largest(s, seen), found = raw == NONE ? NONE : raw * scale;
        float before = top[i], now = found > before || found != found ? found : before;
        float reference = now == NONE ? 0 : now;
        vf sum = load(total + i * W);
        if (before != now) {
            vf factor = exp2<6>(splat(before - reference));
            sum *= factor;
            for (int64_t t = 0; t < ld; t += W) store(sums + i * ld + t, load(sums + i * ld + t) * factor);
            top[i] = now;
        }
        if (DEGREE < 6 && found == reference && std::abs(reference) > 256) {
            shift(s, cols, scale, reference, raw);
            scale = 1, reference = 0;
        }
        store(total + i * W, sum + weigh<DEGREE>(s, p, cols, seen, scale, reference));
    }
    template <class T>
    void finish(int64_t i, int64_t e, T *out, float *lse) {
        float all = sum(load(total + i * W));
        float factor = 1 / all;
        for (int64_t t = 0; t < ld; t += W) {
            vf y = load(sums + i * ld + t) * factor;
            store(sums + i * ld + t, all == 0 ? vf{} : y);
        }
        narrow_row(sums + i * ld, e, out);
        if (lse) *lse = all == 0 ? NONE : float((double(top[i]) + std::log2(double(all))) * LN2);
    }
};

// Rows [from, to) of one head of keys. The engine has: KEYS in a tile, ROWS multiplied at once, STEP that columns are
// padded to, DEGREE, P; `open` reads the queries, `pack` a tile, `logits` and `weights` give pointers to a row's,
// `multiply` fills logits, `gather` adds weighted values, `gather_row` those of one row's visible keys alone.
template <class T, class Engine>
inline void chunk(const Call<T> &z, Engine &engine, State &state, int64_t ib, int64_t ik, int64_t from, int64_t to) {
    int32_t present[Engine::KEYS + W];
    const uint8_t *there = z.key_mask ? z.key_mask + ib * z.sk : nullptr;
    int64_t first = (ib * z.hk + ik) * z.rows(), end = least(z.limit(from, to), z.sk);
    if (there)
        while (end > 0 && !there[end - 1]) end--;
    state.clear(round_up(to - from, Engine::ROWS));
    engine.open(z, first + from, to - from);
    for (int64_t at = 0; at < end; at += Engine::KEYS) {
        int64_t n = least(Engine::KEYS, end - at);
        const uint8_t *here = there ? there + at : nullptr;
        mark(here, n, present);
        bool finite = engine.pack(z, (ib * z.hk + ik) * z.sk + at, here, n);
        for (int64_t i = from; i < to; i += Engine::ROWS) {
            int64_t rows = least(Engine::ROWS, to - i), some = least(z.limit(i, i + rows) - at, n);
            if (some <= 0) continue;
            int64_t cols = round_up(some, Engine::STEP);
            bool apart = false;
            engine.multiply(i - from, rows, cols);
            for (int64_t r = 0; r < rows; r++) {
                int64_t seen = most(least(z.limit(i + r) - at, n), 0);
                const T *mask = z.mask_row(ib, ik, i + r);
                state.template take<Engine::DEGREE>(i - from + r, engine.logits(r), engine.weights(r), cols, some, seen,
                                                    z.scale, mask ? mask + at : nullptr, here ? present : nullptr);
                apart |= !finite && seen < some;
            }
            if (!apart)
                engine.gather(state, i - from, rows, some);
            else
                for (int64_t r = 0; r < rows; r++)
                    engine.gather_row(state, i - from + r, r, most(least(z.limit(i + r) - at, n), 0));
        }
    }
    for (int64_t i = from; i < to; i++)
        state.finish(i - from, z.e, z.out + (first + i) * z.e, z.lse ? z.lse + first + i : nullptr);
}

// All rows, over threads. With `causal` late rows take longest, so the parts of a head are taken from both ends.
template <class Engine, class T>
inline int forward(const Call<T> &z, int64_t most_rows, int threads) {
    int64_t rows = z.rows(), heads = z.b * z.hk;
    if (rows * heads == 0) return OK;
    int64_t share = round_up((rows * heads + threads - 1) / threads, Engine::ROWS);
    int64_t size = least(least(most_rows, share), round_up(rows, Engine::ROWS)), parts = (rows + size - 1) / size;
    std::atomic<int> fault{OK};
    parallel_for(heads * parts, 1, threads, [&](int64_t begin, int64_t end) {
        int64_t ld = round_up(z.e, Engine::STEP), held = round_up(size, Engine::ROWS);
        int64_t own = round_up(held * (ld + 1 + W) * int64_t(sizeof(float)), 64);
        char *memory = kept(own + Engine::bytes(z, held));
        if (!memory) {
            fault = NO_MEMORY;
            return;
        }
        float *floats = reinterpret_cast<float *>(memory);
        State state{floats, floats + held * (ld + W), floats + held * ld, ld};
        Engine engine(z, memory + own, held);
        for (int64_t job = begin; job < end; job++) {
            int64_t head = job / parts, turn = job % parts, part = turn & 1 ? parts - 1 - turn / 2 : turn / 2;
            chunk(z, engine, state, head / z.hk, head % z.hk, part * size, least(rows, part * size + size));
        }
    });
    return fault;
}

}  // namespace flash

#define DEFINE_ATTENTION(SYMBOL, T, ENGINE, MOST_ROWS)                                                                 \
    KERNEL SYMBOL(const T *q, const T *k, const T *v, const T *mask, const uint8_t *key_mask, T *out, float *lse,      \
                  int64_t b, int64_t hq, int64_t sq, int64_t d, int64_t hk, int64_t sk, int64_t e, int64_t mb,         \
                  int64_t mh, int64_t causal, double scale, int threads) {                                             \
        flash::Call<T> call{q,  k,  v,  mask, key_mask, out, lse,         b,                                           \
                            hq, sq, d,  hk,   sk,       e,   mb,          mh,                                          \
                            causal != 0, float(scale * 1.44269504088896341)};                                          \
        return flash::forward<ENGINE>(call, MOST_ROWS, threads);                                                       \
    }
