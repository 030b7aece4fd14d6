// One thread to a number of the result: it works out every logit of its row again and keeps what it has summed up in
// one register; so does each number of the gradients.
// Learned: right, for any head size and dtype, and a measure for the rest: the logits of a row are computed once per
// column of the values.
#include "attention.cuh"

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

template <class T>
DEVICE void forward(const Problem<T> &z, T *out, float *lse) {
    const i64 columns = z.e ? z.e : 1, rows = z.rows();
    for (i64 i = thread_index(); i < z.heads() * rows * columns; i += stride()) {
        const i64 place = i / columns, t = i % columns, head = place / rows, row = place % rows;
        float top = -INF, total = 0, sum = 0;
        for (i64 j = 0; j < z.sk; j++) {
            if (!sees(z, head, row, j)) continue;
            const float s = logit(z, head, row, j), larger = fmaxf(s, top), reference = larger == -INF ? 0 : larger;
            const float p = expf(s - reference), factor = expf(top - reference);
            total = total * factor + p;
            if (z.e) sum = sum * factor + p * widen(z.v[(head * z.sk + j) * z.e + t]);
            top = larger;
        }
        if (z.e) out[i] = narrow<T>(total == 0 ? 0 : sum / total);
        if (lse && t == 0) lse[place] = total == 0 ? -INF : top + logf(total);
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
    const i64 rows = z.rows();
    for (i64 i = thread_index(); i < z.heads() * rows * z.d; i += stride()) {
        const i64 head = i / z.d / rows, row = i / z.d % rows;
        float sum = 0;
        for (i64 j = 0; j < z.sk; j++) {
            if (!sees(z, head, row, j)) continue;
            sum += Weight<T>(z, dout, out, lse, head, row, j).ds * widen(z.k[(head * z.sk + j) * z.d + i % z.d]);
        }
        dq[i] = narrow<T>(sum);
    }
}

template <class T>
DEVICE void keys(const Problem<T> &z, const T *dout, const T *out, const float *lse, T *dk, T *dv) {
    const i64 wide = z.d + z.e;
    for (i64 i = thread_index(); i < z.heads() * z.sk * wide; i += stride()) {
        const i64 key = i / wide, t = i % wide, head = key / z.sk, j = key % z.sk;
        float sum = 0;
        for (i64 row = 0; row < z.rows(); row++) {
            const Weight<T> weight(z, dout, out, lse, head, row, j);
            const i64 place = head * z.rows() + row;
            sum += t < z.d ? weight.ds * widen(z.q[place * z.d + t]) : weight.p * widen(dout[place * z.e + t - z.d]);
        }
        if (t < z.d)
            dk[key * z.d + t] = narrow<T>(sum);
        else
            dv[key * z.e + t - z.d] = narrow<T>(sum);
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
        keys(z, dout, out, lse, dk, dv);                                                                               \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
