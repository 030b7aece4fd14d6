// One thread to 16 numbers of a row of the result: it works out every logit of the row and keeps what it has summed up
// in registers; so does each 16 of the gradients.
// Learned: right, for any head size and dtype, and a measure for the rest: the logits of a row are computed again for
// every 16 columns, and neighbouring threads read neither the same keys nor neighbouring ones.
#include "attention.cuh"

constexpr int EACH = 16;

DEVICE i64 thread_index() { return static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; }
DEVICE i64 stride() { return static_cast<i64>(gridDim.x) * blockDim.x; }

template <class T>
DEVICE float dot(const T *x, const T *y, i64 n) {
    float sum = 0;
    for (i64 t = 0; t < n; t++) sum += widen(x[t]) * widen(y[t]);
    return sum;
}

// The logit of a row and a key that it sees; both as places in q and k.
template <class T>
DEVICE float logit(const Problem<T> &z, i64 head, i64 row, i64 j) {
    const T *mask = z.mask_row(head, row);
    const float s = dot(z.q + (head * z.rows() + row) * z.d, z.k + (head * z.sk + j) * z.d, z.d) * z.scale;
    return mask ? s + widen(mask[j]) : s;
}
template <class T>
DEVICE bool sees(const Problem<T> &z, i64 head, i64 row, i64 j) {
    const u8 *there = z.there(head);
    return j < z.limit(row) && (!there || there[j]);
}

DEVICE i64 shares(i64 columns) { return (columns + EACH - 1) / EACH; }

template <class T>
DEVICE void forward(const Problem<T> &z, T *out, float *lse) {
    const i64 parts = z.e ? shares(z.e) : 1, rows = z.rows();
    for (i64 i = thread_index(); i < z.heads() * rows * parts; i += stride()) {
        const i64 place = i / parts, first = i % parts * EACH, head = place / rows, row = place % rows;
        float top = -INF, total = 0, sums[EACH] = {};
        for (i64 j = 0; j < z.sk; j++) {
            if (!sees(z, head, row, j)) continue;
            const float s = logit(z, head, row, j), larger = fmaxf(s, top), reference = larger == -INF ? 0 : larger;
            const float p = expf(s - reference), factor = expf(top - reference);
            const T *v = z.v + (head * z.sk + j) * z.e + first;
            total = total * factor + p;
#pragma unroll
            for (int t = 0; t < EACH; t++)
                if (first + t < z.e) sums[t] = sums[t] * factor + p * widen(v[t]);
            top = larger;
        }
#pragma unroll
        for (int t = 0; t < EACH; t++)
            if (first + t < z.e) out[place * z.e + first + t] = narrow<T>(total == 0 ? 0 : sums[t] / total);
        if (lse && first == 0) lse[place] = total == 0 ? -INF : top + logf(total);
    }
}

// The probability of a key, and the gradient of its logit.
template <class T>
struct Weight {
    float p, ds;
    DEVICE Weight(const Problem<T> &z, const T *dout, const T *out, const float *lse, i64 head, i64 row, i64 j) {
        const i64 place = head * z.rows() + row;
        p = ds = 0;
        if (lse[place] == -INF || !sees(z, head, row, j)) return;
        const float s = logit(z, head, row, j);
        const T *gradient = dout + place * z.e;
        const float delta = dot(gradient, out + place * z.e, z.e);
        p = expf(s - lse[place]);
        ds = p * (dot(gradient, z.v + (head * z.sk + j) * z.e, z.e) - delta) * z.scale;
    }
};

template <class T>
DEVICE void queries(const Problem<T> &z, const T *dout, const T *out, const float *lse, T *dq) {
    const i64 rows = z.rows(), parts = shares(z.d);
    for (i64 i = thread_index(); i < z.heads() * rows * parts; i += stride()) {
        const i64 place = i / parts, first = i % parts * EACH, head = place / rows, row = place % rows;
        float sums[EACH] = {};
        for (i64 j = 0; j < z.sk; j++) {
            if (!sees(z, head, row, j)) continue;
            const float ds = Weight<T>(z, dout, out, lse, head, row, j).ds;
#pragma unroll
            for (int t = 0; t < EACH; t++)
                if (first + t < z.d) sums[t] += ds * widen(z.k[(head * z.sk + j) * z.d + first + t]);
        }
#pragma unroll
        for (int t = 0; t < EACH; t++)
            if (first + t < z.d) dq[place * z.d + first + t] = narrow<T>(sums[t]);
    }
}

// The gradient of the keys, or of the values: 16 numbers of what they are multiplied with, weighted.
template <bool VALUES, class T>
DEVICE void keys(const Problem<T> &z, const T *dout, const T *out, const float *lse, T *to) {
    const i64 wide = VALUES ? z.e : z.d, parts = shares(wide);
    const T *with = VALUES ? dout : z.q;
    for (i64 i = thread_index(); i < z.heads() * z.sk * parts; i += stride()) {
        const i64 key = i / parts, first = i % parts * EACH, head = key / z.sk, j = key % z.sk;
        float sums[EACH] = {};
        for (i64 row = 0; row < z.rows(); row++) {
            if (!sees(z, head, row, j)) continue;
            const Weight<T> weight(z, dout, out, lse, head, row, j);
            const float by = VALUES ? weight.p : weight.ds;
#pragma unroll
            for (int t = 0; t < EACH; t++)
                if (first + t < wide) sums[t] += by * widen(with[(head * z.rows() + row) * wide + first + t]);
        }
#pragma unroll
        for (int t = 0; t < EACH; t++)
            if (first + t < wide) to[key * wide + first + t] = narrow<T>(sums[t]);
    }
}

#define GRADIENT_ARGUMENTS(T)                                                                                          \
    (const T *dout, const T *q, const T *k, const T *v, const T *out, const float *lse, const T *mask,                 \
     const u8 *key_mask, T *dq, T *dk, T *dv, i64 b, i64 hq, i64 sq, i64 e, i64 d, i64 hk, i64 sk, i64 mb, i64 mh,     \
     i64 causal, double scale)
#define PROBLEM(T) \
    const Problem<T> z{q, k, v, mask, key_mask, b, hq, sq, d, hk, sk, e, mb, mh, causal != 0, static_cast<float>(scale)}
#define DEFINE(T, NAME)                                                                                                \
    KERNEL(256) attention_v1_naive_##NAME(const T *q, const T *k, const T *v, const T *mask, const u8 *key_mask,       \
                                          T *out, float *lse, i64 b, i64 hq, i64 sq, i64 d, i64 hk, i64 sk, i64 e,     \
                                          i64 mb, i64 mh, i64 causal, double scale) {                                  \
        PROBLEM(T);                                                                                                    \
        forward(z, out, lse);                                                                                          \
    }                                                                                                                  \
    KERNEL(256) attention_grad_v1_naive_##NAME GRADIENT_ARGUMENTS(T) {                                                 \
        PROBLEM(T);                                                                                                    \
        queries(z, dout, out, lse, dq);                                                                                \
    }                                                                                                                  \
    KERNEL(256) attention_grad_v1_naive_##NAME##_keys GRADIENT_ARGUMENTS(T) {                                          \
        PROBLEM(T);                                                                                                    \
        keys<false>(z, dout, out, lse, dk);                                                                            \
    }                                                                                                                  \
    KERNEL(256) attention_grad_v1_naive_##NAME##_values GRADIENT_ARGUMENTS(T) {                                        \
        PROBLEM(T);                                                                                                    \
        keys<true>(z, dout, out, lse, dv);                                                                             \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
