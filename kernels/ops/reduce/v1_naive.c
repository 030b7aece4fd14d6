// One loop per result, straight along the axis.
// Learned: a chain of dependent additions takes the latency of each, four cycles an element, whatever the memory
// could give; and along any axis but the last every element comes from another cache line.
#include <math.h>

#include "kernel.h"

#define DEFINE(NAME, START, STEP, END)                                                                         \
    KERNEL NAME##_v1_naive_f32(const float *x, float *y, int64_t outer, int64_t n, int64_t inner, int threads) { \
        (void)threads;                                                                                         \
        for (int64_t o = 0; o < outer; o++)                                                                    \
            for (int64_t i = 0; i < inner; i++) {                                                              \
                double a = START;                                                                              \
                for (int64_t j = 0; j < n; j++) {                                                              \
                    double v = x[(o * n + j) * inner + i];                                                     \
                    a = STEP;                                                                                  \
                }                                                                                              \
                y[o * inner + i] = (float)(END);                                                               \
            }                                                                                                  \
        return OK;                                                                                             \
    }
DEFINE(reduce_sum, 0, a + v, a)
DEFINE(reduce_mean, 0, a + v, a / (double)n)
DEFINE(reduce_prod, 1, a *v, a)
DEFINE(reduce_max, -INFINITY, v > a || v != v ? v : a, a)
DEFINE(reduce_min, INFINITY, v < a || v != v ? v : a, a)
DEFINE(reduce_l2, 0, a + v * v, sqrt(a))
