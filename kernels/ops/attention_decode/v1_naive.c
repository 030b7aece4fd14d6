// Decoding as the formula says: all logits of a query, their softmax, the weighted sum of the values.
// Learned: a dot product of one key at a time waits for its own additions, not for memory; and only one processor
// reads the cache. Sums are in double, since a float loses digits over thousands of keys.
#include <math.h>
#include <stdlib.h>

#include "kernel.h"

// A cache of keys and values: row after row per head, or in blocks that a table names.
typedef struct {
    const float *k, *v;
    const int32_t *table;
    int64_t blocks, size, hk, most, d, e;
} cache;

// The row of key j: times d, or e, it is the place of its numbers.
static int64_t place(const cache *c, int64_t ib, int64_t ik, int64_t j) {
    if (!c->table) return (ib * c->hk + ik) * c->size + j;
    return (c->table[ib * c->most + j / c->size] * c->size + j % c->size) * c->hk + ik;
}

static int bad(const cache *c, const int32_t *lengths, int64_t b) {
    for (int64_t i = 0; lengths && i < b; i++) {
        if (lengths[i] < 0 || lengths[i] > (c->table ? c->most : 1) * c->size) return 1;
        for (int64_t j = 0; c->table && j * c->size < lengths[i]; j++)
            if (c->table[i * c->most + j] < 0 || c->table[i * c->most + j] >= c->blocks) return 1;
    }
    return 0;
}

static void one(const cache *c, int64_t ib, int64_t ik, int64_t seen, const float *q, float scale, float *s, double *acc,
                float *out, float *lse) {
    float top = -INFINITY;
    double sum = 0;
    for (int64_t j = 0; j < seen; j++) {
        const float *k = c->k + place(c, ib, ik, j) * c->d;
        double product = 0;
        for (int64_t t = 0; t < c->d; t++) product += (double)q[t] * k[t];
        s[j] = (float)product * scale;
        top = s[j] > top ? s[j] : top;
    }
    if (top == -INFINITY) top = 0;
    for (int64_t j = 0; j < seen; j++) sum += s[j] = expf(s[j] - top);
    for (int64_t t = 0; t < c->e; t++) acc[t] = 0;
    for (int64_t j = 0; j < seen; j++) {
        const float *v = c->v + place(c, ib, ik, j) * c->e;
        for (int64_t t = 0; t < c->e; t++) acc[t] += (double)s[j] * v[t];
    }
    for (int64_t t = 0; t < c->e; t++) out[t] = sum == 0 ? 0 : (float)(acc[t] / sum);
    if (lse) *lse = sum == 0 ? -INFINITY : (float)(top + log(sum));
}

static int all(const cache *c, const float *q, const int32_t *lengths, float *out, float *lse, int64_t b, int64_t hq,
               int64_t n, double scale) {
    int64_t most = (c->table ? c->most : 1) * c->size;
    if (bad(c, lengths, b)) return BAD_INDEX;
    double *acc = malloc((c->e + most + 1) * sizeof *acc);
    if (!acc) return NO_MEMORY;
    for (int64_t row = 0; row < b * hq * n; row++) {
        int64_t ib = row / (hq * n), ik = row / n % hq / (hq / c->hk);
        int64_t seen = (lengths ? lengths[ib] : most) - n + 1 + row % n;
        one(c, ib, ik, seen < 0 ? 0 : seen, q + row * c->d, (float)scale, (float *)(acc + c->e), acc,
            out + row * c->e, lse ? lse + row : 0);
    }
    free(acc);
    return OK;
}

KERNEL attention_decode_v1_naive_f32(const float *q, const float *k, const float *v, const int32_t *lengths, float *out,
                                     float *lse, int64_t b, int64_t hq, int64_t n, int64_t d, int64_t hk, int64_t cap,
                                     int64_t e, double scale, int threads) {
    (void)threads;
    cache c = {k, v, 0, 0, cap, hk, 0, d, e};
    return all(&c, q, lengths, out, lse, b, hq, n, scale);
}

KERNEL attention_decode_paged_v1_naive_f32(const float *q, const float *k, const float *v, const int32_t *table,
                                           const int32_t *lengths, float *out, float *lse, int64_t b, int64_t hq,
                                           int64_t n, int64_t d, int64_t blocks, int64_t size, int64_t hk, int64_t e,
                                           int64_t most, double scale, int threads) {
    (void)threads;
    cache c = {k, v, table, blocks, size, hk, most, d, e};
    return all(&c, q, lengths, out, lse, b, hq, n, scale);
}
