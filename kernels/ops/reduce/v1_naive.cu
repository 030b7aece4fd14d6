// One thread to a result, which goes through its elements one after the other.
// Learned: along the last axis neighbouring threads read addresses a row apart; a reduction of everything runs in a
// single thread. Accumulated in float64, as the versions for processors do.
#include "kernel.cuh"

#define DEFINE(OP, START, STEP, RESULT)                                                                   \
    KERNEL(256) reduce_##OP##_v1_naive_f32(const float *x, float *y, i64 outer, i64 n, i64 inner) {       \
        const i64 i = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;                            \
        if (i >= outer * inner) return;                                                                   \
        x += i / inner * n * inner + i % inner;                                                           \
        double a = START;                                                                                 \
        for (i64 j = 0; j < n; j++) {                                                                     \
            const double v = x[j * inner];                                                                \
            a = STEP;                                                                                     \
        }                                                                                                 \
        y[i] = static_cast<float>(RESULT);                                                                \
    }
DEFINE(sum, 0, a + v, a)
DEFINE(mean, 0, a + v, a / static_cast<double>(n))
DEFINE(prod, 1, a *v, a)
DEFINE(max, -INF, v > a || v != v ? v : a, a)
DEFINE(min, INF, v < a || v != v ? v : a, a)
DEFINE(l2, 0, a + v * v, sqrt(a))
