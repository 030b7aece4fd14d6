// As the rules say, one element at a time.
// Learned: the product decodes every weight again for every row of x, and a division per weight finds its scale.
#include <math.h>

#include "kernel.h"
#include "tables.h"

enum quant_type { NORMAL, FLOAT };

static int code_of(float y, int64_t quant_type) {
    int code = 0;
    if (quant_type == NORMAL) {
        while (code < 15 && NF4_THRESHOLDS[code] < y) code++;
        return code;
    }
    while (code < 7 && FP4_THRESHOLDS[code] < fabsf(y)) code++;
    return FP4_ASCENDING[code] | (y < 0) << 3;
}

KERNEL quantize_4bit_v1_naive_f32(const float *x, uint8_t *packed, float *absmax, int64_t n, int64_t bytes,
                                  int64_t blocks, int64_t quant_type, int64_t blocksize, int threads) {
    (void)threads;
    for (int64_t i = 0; i < bytes; i++) packed[i] = 0;
    for (int64_t block = 0; block < blocks; block++) {
        int64_t from = block * blocksize, to = from + blocksize < n ? from + blocksize : n;
        float top = 0;
        for (int64_t i = from; i < to; i++) top = fabsf(x[i]) > top || x[i] != x[i] ? fabsf(x[i]) : top;
        absmax[block] = top;
        float scale = 1.0f / (top < 1e-38f ? 1e-38f : top);
        for (int64_t i = from; i < to; i++) packed[i / 2] |= (uint8_t)(code_of(x[i] * scale, quant_type) << (i & 1 ? 0 : 4));
    }
    return OK;
}

static float scale_of(int64_t block, const float *absmax, const uint8_t *absmax8, const float *nested,
                      const float *nested_map, int64_t group, double offset) {
    if (absmax) return absmax[block];
    volatile float product = nested_map[absmax8[block]] * nested[block / group];
    return product + (float)offset;
}

KERNEL dequantize_4bit_v1_naive_f32(const uint8_t *packed, const float *values, const float *absmax,
                                    const uint8_t *absmax8, const float *nested, const float *nested_map, float *y,
                                    int64_t bytes, int64_t blocks, int64_t groups, int64_t rows, int64_t columns,
                                    int64_t blocksize, int64_t group, double offset, int threads) {
    (void)bytes, (void)blocks, (void)groups, (void)threads;
    for (int64_t i = 0; i < rows * columns; i++) {
        int code = i & 1 ? packed[i / 2] & 15 : packed[i / 2] >> 4;
        y[i] = values[code] * scale_of(i / blocksize, absmax, absmax8, nested, nested_map, group, offset);
    }
    return OK;
}

KERNEL gemm_4bit_v1_naive_f32(const float *x, const uint8_t *packed, const float *values, const float *absmax,
                              const uint8_t *absmax8, const float *nested, const float *nested_map, const float *bias,
                              float *y, int64_t rows, int64_t k, int64_t bytes, int64_t blocks, int64_t groups,
                              int64_t n, int64_t blocksize, int64_t group, double offset, int threads) {
    (void)bytes, (void)blocks, (void)groups, (void)threads;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t column = 0; column < n; column++) {
            double sum = 0;
            for (int64_t j = 0; j < k; j++) {
                int64_t i = column * k + j;
                int code = i & 1 ? packed[i / 2] & 15 : packed[i / 2] >> 4;
                float scale = scale_of(i / blocksize, absmax, absmax8, nested, nested_map, group, offset);
                sum += (double)x[row * k + j] * (values[code] * scale);
            }
            y[row * n + column] = (float)(sum + (bias ? bias[column] : 0));
        }
    return OK;
}
