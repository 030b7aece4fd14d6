// Three passes over each row, as the formula says: the largest, the sum of exponentials, the division.
// Learned: a call of expf per element, and nothing else matters; the compiler cannot vectorise the call.
#include <math.h>

#include "kernel.h"

KERNEL softmax_v1_naive_f32(const float *x, float *y, int64_t rows, int64_t n, int threads) {
    (void)threads;
    for (int64_t i = 0; i < rows; i++, x += n, y += n) {
        float top = -INFINITY, sum = 0;
        for (int64_t j = 0; j < n; j++) top = x[j] > top || x[j] != x[j] ? x[j] : top;
        for (int64_t j = 0; j < n; j++) sum += y[j] = expf(x[j] - top);
        for (int64_t j = 0; j < n; j++) y[j] /= sum;
    }
    return OK;
}
