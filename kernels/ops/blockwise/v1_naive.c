// As the rule says: the largest magnitude of each block, then for every element a walk along the thresholds.
// Learned: up to 255 comparisons for an element; nothing else matters.
#include <math.h>

#include "kernel.h"

KERNEL quantize_blockwise_v1_naive_f32(const float *x, const float *map, uint8_t *codes, float *absmax, int64_t n,
                                       int64_t blocks, int64_t blocksize, int threads) {
    (void)threads;
    for (int64_t block = 0; block < blocks; block++) {
        int64_t from = block * blocksize, to = from + blocksize < n ? from + blocksize : n;
        float top = 0;
        for (int64_t i = from; i < to; i++) top = fabsf(x[i]) > top || x[i] != x[i] ? fabsf(x[i]) : top;
        absmax[block] = top;
        float scale = 1.0f / (top < 1e-38f ? 1e-38f : top);
        for (int64_t i = from; i < to; i++) {
            int code = 0;
            while (code < 255 && (map[code] + map[code + 1]) * 0.5f < x[i] * scale) code++;
            codes[i] = (uint8_t)code;
        }
    }
    return OK;
}

KERNEL dequantize_blockwise_v1_naive_f32(const uint8_t *codes, const float *absmax, const float *map, float *y,
                                         int64_t n, int64_t blocks, int64_t blocksize, int threads) {
    (void)blocks;
    (void)threads;
    for (int64_t i = 0; i < n; i++) y[i] = map[codes[i]] * absmax[i / blocksize];
    return OK;
}
