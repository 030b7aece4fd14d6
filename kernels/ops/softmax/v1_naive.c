// Passes over each row as the formula says: the largest, the sum of exponentials, the division. The gradients
// likewise: the sum that all elements of a row share, then the elements.
// Learned: a call of expf per element, and nothing else matters; the compiler cannot vectorise the call.
#include <math.h>

#include "kernel.h"

static float largest(const float *x, int64_t n) {
    float top = -INFINITY;
    for (int64_t j = 0; j < n; j++) top = x[j] > top || x[j] != x[j] ? x[j] : top;
    return top;
}

KERNEL softmax_v1_naive_f32(const float *x, float *y, int64_t rows, int64_t n, int threads) {
    (void)threads;
    for (int64_t i = 0; i < rows; i++, x += n, y += n) {
        float top = largest(x, n);
        double sum = 0;
        for (int64_t j = 0; j < n; j++) sum += y[j] = expf(x[j] - top);
        for (int64_t j = 0; j < n; j++) y[j] /= (float)sum;
    }
    return OK;
}

KERNEL log_softmax_v1_naive_f32(const float *x, float *y, int64_t rows, int64_t n, int threads) {
    (void)threads;
    for (int64_t i = 0; i < rows; i++, x += n, y += n) {
        float top = largest(x, n);
        double sum = 0;
        for (int64_t j = 0; j < n; j++) sum += expf(x[j] - top);
        for (int64_t j = 0; j < n; j++) y[j] = (x[j] - top) - (float)log(sum);
    }
    return OK;
}

KERNEL softmax_grad_v1_naive_f32(const float *dy, const float *y, float *dx, int64_t rows, int64_t n,
                                 int threads) {
    (void)threads;
    for (int64_t i = 0; i < rows; i++, dy += n, y += n, dx += n) {
        double dot = 0;
        for (int64_t j = 0; j < n; j++) dot += (double)dy[j] * y[j];
        for (int64_t j = 0; j < n; j++) dx[j] = y[j] * (float)(dy[j] - dot);
    }
    return OK;
}

KERNEL log_softmax_grad_v1_naive_f32(const float *dy, const float *y, float *dx, int64_t rows, int64_t n,
                                     int threads) {
    (void)threads;
    for (int64_t i = 0; i < rows; i++, dy += n, y += n, dx += n) {
        double sum = 0;
        for (int64_t j = 0; j < n; j++) sum += dy[j];
        for (int64_t j = 0; j < n; j++) dx[j] = (float)(dy[j] - expf(y[j]) * sum);
    }
    return OK;
}
