// Attention as the formula says: all logits of a query, their softmax, the weighted sum of the values; and its
// gradient, each product where it is needed.
// Learned: one row of logits is all the memory it takes, but keys and values come from cache again for every query,
// and one product at a time uses a sixteenth of the arithmetic units.
#include <math.h>
#include <stdlib.h>

#include "kernel.h"

typedef struct {
    int64_t b, hq, sq, d, hk, sk, e, mb, mh;
    int causal;
    float scale;
} sizes;

// How many keys, from the first, query i may see.
static int64_t limit(const sizes *z, int64_t i) {
    int64_t seen = z->causal ? i + z->sk - z->sq + 1 : z->sk;
    return seen < 0 ? 0 : seen;
}

static float dot(const float *x, const float *y, int64_t n) {
    double sum = 0;
    for (int64_t t = 0; t < n; t++) sum += (double)x[t] * y[t];
    return (float)sum;
}

// The logits of one query, -inf where a key is hidden.
static void logits(const sizes *z, const float *q, const float *k, const float *mask, const uint8_t *there, int64_t i,
                   float *s) {
    int64_t seen = limit(z, i);
    for (int64_t j = 0; j < z->sk; j++) {
        if (j >= seen || (there && !there[j]))
            s[j] = -INFINITY;
        else
            s[j] = dot(q, k + j * z->d, z->d) * z->scale + (mask ? mask[j] : 0);
    }
}

static const float *mask_row(const sizes *z, const float *mask, int64_t ib, int64_t ih, int64_t i) {
    if (!mask) return 0;
    int64_t plane = (z->mb > 1 ? ib : 0) * z->mh + (z->mh > 1 ? ih : 0);
    return mask + (plane * z->sq + i) * z->sk;
}

static void one(const sizes *z, const float *q, const float *k, const float *v, const float *mask,
                const uint8_t *there, int64_t i, float *s, float *out, float *lse) {
    float top = -INFINITY, sum = 0;
    int64_t seen = limit(z, i);
    logits(z, q, k, mask, there, i, s);
    for (int64_t j = 0; j < z->sk; j++) top = s[j] > top ? s[j] : top;
    if (top == -INFINITY) top = 0;
    for (int64_t j = 0; j < z->sk; j++) sum += s[j] = expf(s[j] - top);
    for (int64_t t = 0; t < z->e; t++) out[t] = 0;
    for (int64_t j = 0; j < z->sk && j < seen; j++)
        if (!there || there[j])
            for (int64_t t = 0; t < z->e; t++) out[t] += s[j] * v[j * z->e + t];
    for (int64_t t = 0; t < z->e; t++) out[t] = sum == 0 ? 0 : out[t] / sum;
    if (lse) *lse = sum == 0 ? -INFINITY : top + logf(sum);
}

KERNEL attention_v1_naive_f32(const float *q, const float *k, const float *v, const float *mask,
                              const uint8_t *key_mask, float *out, float *lse, int64_t b, int64_t hq, int64_t sq,
                              int64_t d, int64_t hk, int64_t sk, int64_t e, int64_t mb, int64_t mh, int64_t causal,
                              double scale, int threads) {
    (void)threads;
    sizes z = {b, hq, sq, d, hk, sk, e, mb, mh, (int)causal, (float)scale};
    float *s = malloc((sk + 1) * sizeof *s);
    if (!s) return NO_MEMORY;
    for (int64_t ib = 0; ib < b; ib++)
        for (int64_t ih = 0; ih < hq; ih++)
            for (int64_t i = 0; i < sq; i++) {
                int64_t row = (ib * hq + ih) * sq + i, keys = (ib * hk + ih / (hq / hk)) * sk;
                one(&z, q + row * d, k + keys * d, v + keys * e, mask_row(&z, mask, ib, ih, i),
                    key_mask ? key_mask + ib * sk : 0, i, s, out + row * e, lse ? lse + row : 0);
            }
    free(s);
    return OK;
}

// What one query adds to the gradients.
static void one_grad(const sizes *z, const float *dout, const float *q, const float *k, const float *v, float delta,
                     float lse, const float *s, float *dq, float *dk, float *dv) {
    for (int64_t t = 0; t < z->d; t++) dq[t] = 0;
    if (lse == -INFINITY) return;
    for (int64_t j = 0; j < z->sk; j++) {
        if (s[j] == -INFINITY) continue;
        float p = expf(s[j] - lse);
        float ds = p * (dot(dout, v + j * z->e, z->e) - delta) * z->scale;
        for (int64_t t = 0; t < z->e; t++) dv[j * z->e + t] += p * dout[t];
        for (int64_t t = 0; t < z->d; t++) dk[j * z->d + t] += ds * q[t];
        for (int64_t t = 0; t < z->d; t++) dq[t] += ds * k[j * z->d + t];
    }
}

KERNEL attention_grad_v1_naive_f32(const float *dout, const float *q, const float *k, const float *v, const float *out,
                                   const float *lse, const float *mask, const uint8_t *key_mask, float *dq, float *dk,
                                   float *dv, int64_t b, int64_t hq, int64_t sq, int64_t e, int64_t d, int64_t hk,
                                   int64_t sk, int64_t mb, int64_t mh, int64_t causal, double scale, int threads) {
    (void)threads;
    sizes z = {b, hq, sq, d, hk, sk, e, mb, mh, (int)causal, (float)scale};
    float *s = malloc((sk + 1) * sizeof *s);
    if (!s) return NO_MEMORY;
    for (int64_t t = 0; t < b * hk * sk * d; t++) dk[t] = 0;
    for (int64_t t = 0; t < b * hk * sk * e; t++) dv[t] = 0;
    for (int64_t ib = 0; ib < b; ib++)
        for (int64_t ih = 0; ih < hq; ih++)
            for (int64_t i = 0; i < sq; i++) {
                int64_t row = (ib * hq + ih) * sq + i, keys = (ib * hk + ih / (hq / hk)) * sk;
                logits(&z, q + row * d, k + keys * d, mask_row(&z, mask, ib, ih, i),
                       key_mask ? key_mask + ib * sk : 0, i, s);
                one_grad(&z, dout + row * e, q + row * d, k + keys * d, v + keys * e,
                         dot(dout + row * e, out + row * e, e), lse[row], s, dq + row * d, dk + keys * d,
                         dv + keys * e);
            }
    free(s);
    return OK;
}
