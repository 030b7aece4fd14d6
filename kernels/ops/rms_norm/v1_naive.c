// As the formulas say, a row after the other, in double precision wherever something is summed up.
// Learned: one sum and one product per element, so this is the plainest of all norms; but without leave to reorder
// additions the compiler sums one element at a time, and each waits for the one before it.
#include <math.h>
#include <stddef.h>

#include "kernel.h"

static double reciprocal_root(const float *x, int64_t n, double eps) {
    double squares = 0;
    for (int64_t j = 0; j < n; j++) squares += (double)x[j] * x[j];
    return 1 / sqrt(squares / (double)n + eps);
}

KERNEL rms_norm_v1_naive_f32(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t n,
                             double eps, int threads) {
    (void)threads;
    for (int64_t i = 0; i < rows; i++, x += n, y += n) {
        double r = reciprocal_root(x, n, eps);
        for (int64_t j = 0; j < n; j++) y[j] = (float)(x[j] * r * (weight ? weight[j] : 1));
        if (rstd) rstd[i] = (float)r;
    }
    return OK;
}

KERNEL rms_norm_grad_v1_naive_f32(const float *dy, const float *x, const float *weight, float *dx,
                                  float *dweight, int64_t rows, int64_t n, double eps, int threads) {
    (void)threads;
    for (int64_t j = 0; dweight && j < n; j++) dweight[j] = 0;
    for (int64_t i = 0; i < rows; i++, dy += n, x += n, dx += n) {
        double r = reciprocal_root(x, n, eps), dot = 0;
        for (int64_t j = 0; j < n; j++) dot += (double)dy[j] * (weight ? weight[j] : 1) * x[j] * r;
        for (int64_t j = 0; j < n; j++) {
            double g = (double)dy[j] * (weight ? weight[j] : 1), normal = x[j] * r;
            if (dweight) dweight[j] += (float)(dy[j] * normal);
            dx[j] = (float)(r * (g - normal * dot / (double)n));
        }
    }
    return OK;
}
