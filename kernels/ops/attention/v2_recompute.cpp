// The gradient of flash attention: probabilities again from the log-sum-exp of each row, five products per tile of 96
// keys and 48 rows, float32 throughout. The gradients of a tile's keys and values are complete when its rows are
// through; those of the queries are summed over tiles.
// Learned: keys outside and rows inside need five products where two passes need seven; turned operands cost nothing
// on the left side of a product, whose numbers are broadcast one by one whatever their strides.
#include <atomic>

#include "flash.h"

using namespace flash;

namespace {

constexpr int64_t KEYS = 96, ROWS = 48;

template <class T>
struct Grad {
    Call<T> z;  // its out is an input here
    const T *dout;
    const float *lse;
    T *dq, *dk, *dv;
    float scale;
    int64_t parts;  // of the tiles of a head, each with its own sums for the queries

    int64_t wide() const { return round_up(z.d, W); }
    int64_t ld() const { return round_up(z.e, W); }
};

// What one head of keys is worked out from and into.
struct Space {
    float *q, *dout, *delta, *reference;               // [rows][wide], [rows][ld], [rows], [rows]
    float *turned_k, *turned_v, *k, *dk, *dv, *p, *ds;  // [d][KEYS] [e][KEYS] [KEYS][wide] … [ROWS][KEYS] twice

    template <class T>
    static int64_t floats(const Grad<T> &g) {
        int64_t wide = g.wide(), ld = g.ld();
        return g.z.rows() * (wide + ld + 2) + KEYS * (3 * wide + 2 * ld + 2 * ROWS) + 64;
    }
    template <class T>
    Space(const Grad<T> &g, float *at) {
        int64_t rows = g.z.rows(), wide = g.wide(), ld = g.ld();
        auto next = [&](int64_t n) { return at += n, at - n; };
        p = next(ROWS * KEYS), ds = next(ROWS * KEYS);
        turned_k = next(wide * KEYS), turned_v = next(ld * KEYS);
        k = next(KEYS * wide), dk = next(KEYS * wide), dv = next(KEYS * ld);
        q = next(rows * wide), dout = next(rows * ld), delta = next(rows), reference = next(rows);
    }
};

// The queries and the gradient of the output in float32, the dot product of the latter with the output, and what
// logits are taken relative to.
template <class T>
void prepare(const Grad<T> &g, const Space &s, int64_t head) {
    int64_t rows = g.z.rows(), first = head * rows, e = g.z.e;
    const float inf = std::numeric_limits<float>::infinity();
    widen_rows(g.z.q + first * g.z.d, nullptr, rows, g.z.d, s.q, g.wide());
    widen_rows(g.dout + first * e, nullptr, rows, e, s.dout, g.ld());
    for (int64_t i = 0; i < rows; i++) {
        const T *out = g.z.out + (first + i) * e;
        vf sum_of = {};
        for (int64_t t = 0; t < e; t += W) sum_of += load(s.dout + i * g.ld() + t) * load_part(out + t, e - t);
        s.delta[i] = sum(sum_of);
        float lse = g.lse[first + i];
        s.reference[i] = lse == NONE ? inf : lse * 1.44269504088896341f;
    }
}

// Logits and products of dout with the values become probabilities and the gradient of the logits.
template <class T>
void turn_row(const Grad<T> &g, float *p, float *ds, int64_t cols, int64_t n, int64_t seen, const T *mask,
              const int32_t *present, float delta, float reference) {
    float scale = g.z.scale;
    if (mask || present) {
        hide(p, cols, n, seen, scale, mask, present);
        scale = 1;
    }
    for (int64_t j = 0; j < cols; j += W) {
        vf logit = load(p + j);
        vf x = logit * scale - reference;
        x = exp2<6>(x > 128.0f ? splat(128.0f) : x);
        vi visible = (lanes() + int32_t(j) < int32_t(seen)) & (logit != NONE);
        vf y = visible ? x : vf{};
        vf z = y * (load(ds + j) - delta) * g.scale;
        store(p + j, y);
        store(ds + j, visible ? z : vf{});
    }
}

// A tile of n keys from `at`, against all rows that see any of them.
template <class T>
void tile_of(const Grad<T> &g, const Space &s, int64_t ib, int64_t ik, int64_t at, int64_t n, float *dq) {
    const Call<T> &z = g.z;
    int64_t wide = g.wide(), ld = g.ld(), key = (ib * z.hk + ik) * z.sk + at;
    const uint8_t *there = z.key_mask ? z.key_mask + ib * z.sk + at : nullptr;
    int32_t present[KEYS + W];
    mark(there, n, present);
    turn(z.k + key * z.d, there, n, z.d, s.turned_k, KEYS);
    turn(z.v + key * z.e, there, n, z.e, s.turned_v, KEYS);
    widen_rows(z.k + key * z.d, there, n, z.d, s.k, wide);
    memset(s.dk, 0, KEYS * wide * sizeof(float));
    memset(s.dv, 0, KEYS * ld * sizeof(float));
    for (int64_t i = 0; i < z.rows(); i += ROWS) {
        int64_t rows = least(ROWS, z.rows() - i), some = least(z.limit(i, i + rows) - at, n);
        if (some <= 0) continue;
        int64_t cols = round_up(some, W);
        product(s.p, KEYS, s.q + i * wide, wide, 1, s.turned_k, KEYS, rows, cols, z.d, false);
        product(s.ds, KEYS, s.dout + i * ld, ld, 1, s.turned_v, KEYS, rows, cols, z.e, false);
        for (int64_t r = 0; r < rows; r++) {
            const T *mask = z.mask_row(ib, ik, i + r);
            turn_row(g, s.p + r * KEYS, s.ds + r * KEYS, cols, some, z.limit(i + r) - at, mask ? mask + at : nullptr,
                     there ? present : nullptr, s.delta[i + r], s.reference[i + r]);
        }
        product(s.dv, ld, s.p, 1, KEYS, s.dout + i * ld, ld, some, ld, rows, true);
        product(s.dk, wide, s.ds, 1, KEYS, s.q + i * wide, wide, some, wide, rows, true);
        product(dq + i * wide, wide, s.ds, KEYS, 1, s.k, wide, rows, wide, some, true);
    }
    for (int64_t j = 0; j < n; j++) {
        narrow_row(s.dk + j * wide, z.d, g.dk + (key + j) * z.d);
        narrow_row(s.dv + j * ld, z.e, g.dv + (key + j) * z.e);
    }
}

// The sums of all parts, in their order.
template <class T>
void add_up(const Grad<T> &g, float *dq, int64_t threads) {
    int64_t wide = g.wide(), rows = g.z.rows(), part = rows * wide;
    parallel_for(g.z.b * g.z.hk * rows, 256, int(threads), [&](int64_t from, int64_t to) {
        for (int64_t i = from; i < to; i++) {
            float *sums = dq + (i / rows * g.parts * rows + i % rows) * wide;
            for (int64_t other = 1; other < g.parts; other++)
                for (int64_t t = 0; t < wide; t += W) store(sums + t, load(sums + t) + load(sums + other * part + t));
            narrow_row(sums, g.z.d, g.dq + i * g.z.d);
        }
    });
}

template <class T>
int backward(Grad<T> g, int threads) {
    const Call<T> &z = g.z;
    int64_t heads = z.b * z.hk, tiles = (z.sk + KEYS - 1) / KEYS, part = z.rows() * g.wide();
    if (heads == 0) return OK;
    g.parts = most(1, least(tiles, (threads + heads - 1) / heads));
    float *dq = static_cast<float *>(calloc(heads * g.parts * part + 1, sizeof(float)));
    if (!dq) return NO_MEMORY;
    std::atomic<int> fault{OK};
    parallel_for(heads * g.parts, 1, threads, [&](int64_t from, int64_t to) {
        float *memory = reinterpret_cast<float *>(kept(Space::floats(g) * int64_t(sizeof(float))));
        if (!memory) {
            fault = NO_MEMORY;
            return;
        }
        Space space(g, memory);
        for (int64_t job = from; job < to; job++) {
            int64_t head = job / g.parts;
            prepare(g, space, head);
            for (int64_t tile = job % g.parts; tile < tiles; tile += g.parts)
                tile_of(g, space, head / z.hk, head % z.hk, tile * KEYS, least(KEYS, z.sk - tile * KEYS),
                        dq + job * part);
        }
    });
    if (fault == OK) add_up(g, dq, threads);
    free(dq);
    return fault;
}

}  // namespace

#define DEFINE(T, NAME)                                                                                                \
    KERNEL attention_grad_v2_recompute_##NAME(                                                                         \
        const T *dout, const T *q, const T *k, const T *v, T *out, const float *lse, const T *mask,                    \
        const uint8_t *key_mask, T *dq, T *dk, T *dv, int64_t b, int64_t hq, int64_t sq, int64_t e, int64_t d,         \
        int64_t hk, int64_t sk, int64_t mb, int64_t mh, int64_t causal, double scale, int threads) {                   \
        Call<T> call{q,  k,  v,  mask, key_mask, out, nullptr,     b,                                                  \
                     hq, sq, d,  hk,   sk,       e,   mb,          mh,                                                 \
                     causal != 0, float(scale * 1.44269504088896341)};                                                 \
        return backward<T>({call, dout, lse, dq, dk, dv, float(scale), 1}, threads);                                   \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
