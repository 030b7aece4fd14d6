// As the formulas say, a row after the other, in double precision wherever something is summed up.
// Learned: three passes for the forward row are needed, since the variance must be taken around the mean. Sums in
// float32 would be no faster here: without leave to reorder additions the compiler does one at a time.
#include <math.h>
#include <stddef.h>

#include "kernel.h"

static void statistics(const float *x, int64_t n, double eps, double *mean, double *rstd) {
    double sum = 0, squares = 0;
    for (int64_t j = 0; j < n; j++) sum += x[j];
    *mean = sum / (double)n;
    for (int64_t j = 0; j < n; j++) squares += (x[j] - *mean) * (x[j] - *mean);
    *rstd = 1 / sqrt(squares / (double)n + eps);
}

KERNEL layer_norm_v1_naive_f32(const float *x, const float *weight, const float *bias, float *y, float *mean,
                               float *rstd, int64_t rows, int64_t n, double eps, int threads) {
    (void)threads;
    for (int64_t i = 0; i < rows; i++, x += n, y += n) {
        double m, r;
        statistics(x, n, eps, &m, &r);
        for (int64_t j = 0; j < n; j++)
            y[j] = (float)((x[j] - m) * r * (weight ? weight[j] : 1) + (bias ? bias[j] : 0));
        if (mean) mean[i] = (float)m;
        if (rstd) rstd[i] = (float)r;
    }
    return OK;
}

KERNEL layer_norm_grad_v1_naive_f32(const float *dy, const float *x, const float *weight, float *dx,
                                    float *dweight, float *dbias, int64_t rows, int64_t n, double eps,
                                    int threads) {
    (void)threads;
    for (int64_t j = 0; j < n; j++) {
        if (dweight) dweight[j] = 0;
        if (dbias) dbias[j] = 0;
    }
    for (int64_t i = 0; i < rows; i++, dy += n, x += n, dx += n) {
        double m, r, sum = 0, dot = 0;
        statistics(x, n, eps, &m, &r);
        for (int64_t j = 0; j < n; j++) {
            double g = (double)dy[j] * (weight ? weight[j] : 1);
            sum += g;
            dot += g * (x[j] - m) * r;
        }
        for (int64_t j = 0; j < n; j++) {
            double g = (double)dy[j] * (weight ? weight[j] : 1), normal = (x[j] - m) * r;
            if (dweight) dweight[j] += (float)(dy[j] * normal);
            if (dbias) dbias[j] += dy[j];
            dx[j] = (float)(r * (g - sum / (double)n - normal * dot / (double)n));
        }
    }
    return OK;
}
