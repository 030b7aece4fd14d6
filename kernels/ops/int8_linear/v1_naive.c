// As the formulas say, one product at a time.
// Learned: what all later versions must give; int32 sums are exact, so the order of adding them is free.
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "kernel.h"

static float row_absmax(const float *x, int64_t k, float threshold) {
    float top = 0;
    for (int64_t i = 0; i < k; i++) {
        float size = fabsf(x[i]);
        if (threshold > 0 && size >= threshold) continue;
        if (size > top || size != size) top = size;
    }
    return top;
}

static int8_t code_of(float x, float scale) {
    float y = rintf(x * scale);
    return (int8_t)(y > 127 ? 127 : y < -127 ? -127 : y == y ? y : 0);
}

static void quantize(const float *x, int8_t *codes, float *absmax, bool *outliers, int64_t rows, int64_t k,
                     float threshold) {
    for (int64_t j = 0; j < k; j++) outliers[j] = false;
    for (int64_t i = 0; i < rows * k; i++)
        if (threshold > 0 && fabsf(x[i]) >= threshold) outliers[i % k] = true;
    for (int64_t m = 0; m < rows; m++) {
        absmax[m] = row_absmax(x + m * k, k, threshold);
        float scale = absmax[m] > 0 ? 127 / absmax[m] : 0;
        for (int64_t j = 0; j < k; j++) codes[m * k + j] = outliers[j] ? 0 : code_of(x[m * k + j], scale);
    }
}

KERNEL int8_quantize_rows_v1_naive_f32(const float *x, int8_t *codes, float *absmax, bool *outliers, int64_t rows,
                                       int64_t k, double threshold, int threads) {
    (void)threads;
    quantize(x, codes, absmax, outliers, rows, k, (float)threshold);
    return OK;
}

KERNEL int8_linear_v1_naive_f32(const float *x, const int8_t *weight, const float *weight_absmax, const float *bias,
                                float *y, int64_t rows, int64_t k, int64_t n, double threshold, int threads) {
    (void)threads;
    int8_t *codes = malloc((size_t)(rows * k + 1));
    float *absmax = malloc((size_t)(rows + 1) * sizeof(float));
    bool *outliers = malloc((size_t)(k + 1));
    int fault = codes && absmax && outliers ? OK : NO_MEMORY;
    if (fault == OK) quantize(x, codes, absmax, outliers, rows, k, (float)threshold);
    for (int64_t m = 0; fault == OK && m < rows; m++)
        for (int64_t j = 0; j < n; j++) {
            int32_t sum = 0;
            float apart = 0;
            for (int64_t i = 0; i < k; i++) {
                sum += (int32_t)codes[m * k + i] * weight[j * k + i];
                if (outliers[i]) apart += x[m * k + i] * (float)weight[j * k + i];
            }
            float y0 = (float)sum * (absmax[m] * weight_absmax[j] / 16129) + apart * (weight_absmax[j] / 127);
            y[m * n + j] = y0 + (bias ? bias[j] : 0);
        }
    free(codes);
    free(absmax);
    free(outliers);
    return fault;
}

KERNEL int8_linear_grad_v1_naive_f32(const float *grad, const int8_t *weight, const float *absmax, float *dx,
                                     int64_t rows, int64_t n, int64_t k, int threads) {
    (void)threads;
    for (int64_t m = 0; m < rows; m++)
        for (int64_t i = 0; i < k; i++) {
            double sum = 0;
            for (int64_t j = 0; j < n; j++) sum += (double)grad[m * n + j] * (absmax[j] / 127) * weight[j * k + i];
            dx[m * k + i] = (float)sum;
        }
    return OK;
}
