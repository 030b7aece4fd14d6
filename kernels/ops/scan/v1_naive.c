// One loop along the row, carrying the result so far.
// Learned: each step waits for the one before, so the latency of an addition, four cycles, is the price of an
// element; no vector helps as long as the sum is written this way.
#include <math.h>

#include "kernel.h"

#define DEFINE(NAME, START, STEP)                                                                                \
    KERNEL NAME##_v1_naive_f32(const float *x, float *y, int64_t rows, int64_t n, int64_t exclusive, int threads) { \
        (void)threads;                                                                                           \
        for (int64_t i = 0; i < rows; i++, x += n, y += n) {                                                     \
            double a = START;                                                                                    \
            for (int64_t j = 0; j < n; j++) {                                                                    \
                double v = x[j], before = a;                                                                     \
                a = STEP;                                                                                        \
                y[j] = (float)(exclusive ? before : a);                                                          \
            }                                                                                                    \
        }                                                                                                        \
        return OK;                                                                                               \
    }
DEFINE(cumsum, 0, a + v)
DEFINE(cumprod, 1, a *v)
DEFINE(cummax, -INFINITY, v > a || v != v ? v : a)
