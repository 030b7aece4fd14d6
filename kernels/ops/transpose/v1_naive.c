// Read a row, write a column.
// Learned: every write touches another cache line, and with rows of a power of two of bytes they all fall into the
// same few places of the cache: of each line of 64 bytes fetched, 4 are used before it is thrown out.
#include "kernel.h"

KERNEL transpose_v1_naive_f32(const float *x, float *y, int64_t batch, int64_t m, int64_t n, int threads) {
    (void)threads;
    for (int64_t b = 0; b < batch; b++, x += m * n, y += m * n)
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) y[j * m + i] = x[i * n + j];
    return OK;
}
