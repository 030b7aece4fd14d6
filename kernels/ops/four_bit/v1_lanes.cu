// Quantising: lanes to a block of elements. Dequantising: eight elements to a thread. The product: a warp to a row of
// weights and four rows of x.
// Learned: codes are found by counting comparisons with constants: fifteen of them cost less than the memory; values
// are looked up in shared memory, where sixteen words lie in as many banks. The product is bound by reading the
// weights as long as x has a few rows.
#define TABLE __constant__
#include "nibbles.cuh"
#include "reduce.cuh"
#include "tables.h"

DEVICE u32 normal_code(float y) {
    u32 code = 0;
#pragma unroll
    for (int i = 0; i < 15; i++) code += y > NF4_THRESHOLDS[i];
    return code;
}
DEVICE u32 float_code(float y) {
    const float size = fabsf(y);
    u32 rank = 0;
#pragma unroll
    for (int i = 0; i < 7; i++) rank += size > FP4_THRESHOLDS[i];
    return (0x32547610u >> (4 * rank) & 15) | (y < 0 ? 8 : 0);  // the codes by rank: 0 1 6 7 4 5 2 3
}

template <class T>
DEVICE void quantize(const T *x, u8 *packed, float *absmax, i64 n, i64 blocks, i64 quant_type, i64 blocksize) {
    by_blocks(x, absmax, n, blocks, blocksize, [&](i64 i, int count, const float (&y)[8]) {
        u32 word = 0;
#pragma unroll
        for (int e = 0; e < 8; e++)
            if (e < count) word |= (quant_type ? float_code(y[e]) : normal_code(y[e])) << (8 * (e / 2) + (e % 2 ? 0 : 4));
        if (count == 8) {
            *reinterpret_cast<u32 *>(packed + i / 2) = word;
        } else {
            for (int b = 0; b < (count + 1) / 2; b++) packed[i / 2 + b] = static_cast<u8>(word >> (8 * b));
        }
    });
}

template <class T>
DEVICE void dequantize(const u8 *packed, const float *values, const Scales &scales, T *y, i64 n, i64 blocksize) {
    __shared__ float table[16];
    if (threadIdx.x < 16) table[threadIdx.x] = values[threadIdx.x];
    __syncthreads();
    const int shift = log2_of(blocksize);
    const i64 step = static_cast<i64>(gridDim.x) * blockDim.x * 8;
    for (i64 i = (static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x) * 8; i < n; i += step) {
        const int count = up_to_8(n - i);
        const float scale = scales[i >> shift];
        u32 word = 0;
        if (count == 8) {
            word = *reinterpret_cast<const u32 *>(packed + i / 2);
        } else {
            for (int b = 0; b < (count + 1) / 2; b++) word |= static_cast<u32>(packed[i / 2 + b]) << (8 * b);
        }
        float part[8];
#pragma unroll
        for (int e = 0; e < 8; e++) part[e] = table[code_of(word, e)] * scale;
        store8(y + i, count, part);
    }
}

constexpr int AT_ONCE = 4;  // rows of x

// A row of weights times four rows of x.
template <class T>
DEVICE void four_rows(const T *x, const u8 *packed, const float *table, const Scales &scales, const T *bias, T *y,
                      i64 rows, i64 k, i64 n, i64 blocksize, i64 row, i64 from) {
    const int lane = static_cast<int>(threadIdx.x) % 32, shift = log2_of(blocksize);
    const bool aligned = k % 8 == 0;
    float sums[AT_ONCE] = {};
    for (i64 j = aligned ? lane * 8 : lane; j < k; j += aligned ? 256 : 32) {
        const i64 i = row * k + j;
        const float scale = scales[i >> shift];
        if (aligned) {
            const u32 word = *reinterpret_cast<const u32 *>(packed + i / 2);
            float weights[8], part[8];
#pragma unroll
            for (int e = 0; e < 8; e++) weights[e] = table[code_of(word, e)] * scale;
#pragma unroll
            for (int m = 0; m < AT_ONCE; m++) {
                const bool there = from + m < rows;  // a row that is not there is the first once more
                load8(x + (there ? from + m : from) * k + j, 8, part);
#pragma unroll
                for (int e = 0; e < 8; e++) sums[m] += weights[e] * part[e];
            }
        } else {
            const float weight = table[i & 1 ? packed[i / 2] & 15 : packed[i / 2] >> 4] * scale;
#pragma unroll
            for (int m = 0; m < AT_ONCE; m++)
                if (from + m < rows) sums[m] += weight * widen(x[(from + m) * k + j]);
        }
    }
#pragma unroll
    for (int m = 0; m < AT_ONCE; m++) {
        const float sum = warp_all(sums[m], Add());
        if (lane == 0 && from + m < rows) y[(from + m) * n + row] = narrow<T>(sum + (bias ? widen(bias[row]) : 0));
    }
}

template <class T>
DEVICE void multiply(const T *x, const u8 *packed, const float *values, const Scales &scales, const T *bias, T *y,
                     i64 rows, i64 k, i64 n, i64 blocksize) {
    __shared__ float table[16];
    if (threadIdx.x < 16) table[threadIdx.x] = values[threadIdx.x];
    __syncthreads();
    const i64 warps = blockDim.x / 32;
    for (i64 row = static_cast<i64>(blockIdx.x) * warps + threadIdx.x / 32; row < n; row += gridDim.x * warps)
        for (i64 from = static_cast<i64>(blockIdx.y) * AT_ONCE; from < rows; from += static_cast<i64>(gridDim.y) * AT_ONCE)
            four_rows(x, packed, table, scales, bias, y, rows, k, n, blocksize, row, from);
}

#define DEFINE(T, NAME)                                                                                             \
    KERNEL(256) quantize_4bit_v1_lanes_##NAME(const T *x, u8 *packed, float *absmax, i64 n, i64 bytes, i64 blocks,  \
                                              i64 quant_type, i64 blocksize) {                                      \
        quantize(x, packed, absmax, n, blocks, quant_type, blocksize);                                              \
    }                                                                                                               \
    KERNEL(256) dequantize_4bit_v1_lanes_##NAME(const u8 *packed, const float *values, const float *absmax, const u8 *absmax8, const float *nested_absmax, const float *nested_values, T *y, i64 bytes, \
                                                i64 blocks, i64 groups, i64 rows, i64 columns, i64 blocksize,       \
                                                i64 nested_blocksize, double nested_offset) {                                         \
        const Scales scales{absmax,           absmax8,          nested_absmax, nested_values, nested_blocksize, static_cast<float>(nested_offset)};                \
        dequantize(packed, values, scales, y, rows *columns, blocksize);                                            \
    }                                                                                                               \
    KERNEL(256) gemm_4bit_v1_lanes_##NAME(const T *x, const u8 *packed, const float *values, const float *absmax, const u8 *absmax8, const float *nested_absmax, const float *nested_values,            \
                                          const T *bias, T *y, i64 rows, i64 k, i64 bytes, i64 blocks, i64 groups,  \
                                          i64 n, i64 blocksize, i64 nested_blocksize, double nested_offset) {                         \
        const Scales scales{absmax,           absmax8,          nested_absmax, nested_values, nested_blocksize, static_cast<float>(nested_offset)};                \
        multiply(x, packed, values, scales, bias, y, rows, k, n, blocksize);                                        \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
