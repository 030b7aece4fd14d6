// A row is copied, or added, element by element.
// Learned: for the gradient this is already one pass over dy; what it lacks is threads (two of them could add to
// the same row) and a sum in more than the result's precision.
#include <string.h>

#include "kernel.h"

#define DEFINE(INDEX, NAME)                                                                                 \
    KERNEL embedding_v1_naive_f32_##NAME(                                                                   \
        const float *table, const INDEX *indices, float *y, int64_t rows, int64_t d, int64_t n,             \
        int threads) {                                                                                      \
        (void)threads;                                                                                      \
        for (int64_t i = 0; i < n; i++) {                                                                   \
            if (indices[i] < 0 || indices[i] >= rows) return BAD_INDEX;                                     \
            for (int64_t j = 0; j < d; j++) y[i * d + j] = table[indices[i] * d + j];                       \
        }                                                                                                   \
        return OK;                                                                                          \
    }                                                                                                       \
    KERNEL embedding_grad_v1_naive_f32_##NAME(                                                              \
        const float *dy, const INDEX *indices, float *dtable, int64_t n, int64_t d, int64_t rows,           \
        int64_t padding_idx, int threads) {                                                                 \
        (void)threads;                                                                                      \
        memset(dtable, 0, rows *d * sizeof *dtable);                                                        \
        for (int64_t i = 0; i < n; i++) {                                                                   \
            if (indices[i] < 0 || indices[i] >= rows) return BAD_INDEX;                                     \
            if (indices[i] == padding_idx) continue;                                                        \
            for (int64_t j = 0; j < d; j++) dtable[indices[i] * d + j] += dy[i * d + j];                    \
        }                                                                                                   \
        return OK;                                                                                          \
    }
DEFINE(int64_t, i64)
DEFINE(int32_t, i32)
