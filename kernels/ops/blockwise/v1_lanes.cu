// A warp to a block of elements, or to several small ones; thresholds and values in shared memory.
// Learned: elements are read twice, the second time from the nearest cache; eight steps through 255 thresholds in
// shared memory take less than the way from memory.
#include "codes8.cuh"

template <class T>
DEVICE void quantize(const T *x, const float *values, u8 *codes, float *absmax, i64 n, i64 blocks, i64 blocksize) {
    __shared__ Map map;
    fill(map, values);
    __syncthreads();
    by_blocks(x, absmax, n, blocks, blocksize, [&](i64 i, int count, const float (&y)[8]) {
        u64 word = 0;
#pragma unroll
        for (int e = 0; e < 8; e++) word |= static_cast<u64>(search(map, y[e])) << (8 * e);
        if (count == 8) {
            *reinterpret_cast<u64 *>(codes + i) = word;
        } else {
            for (int e = 0; e < count; e++) codes[i + e] = static_cast<u8>(word >> (8 * e));
        }
    });
}

template <class T>
DEVICE void dequantize(const u8 *codes, const float *absmax, const float *values, T *y, i64 n, i64 blocksize) {
    __shared__ float table[256];
    table[threadIdx.x] = values[threadIdx.x];
    __syncthreads();
    const int shift = log2_of(blocksize);
    const i64 step = static_cast<i64>(gridDim.x) * blockDim.x * 8;
    for (i64 i = (static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x) * 8; i < n; i += step) {
        const int count = up_to_8(n - i);
        const float scale = absmax[i >> shift];
        u64 word = 0;
        if (count == 8) {
            word = *reinterpret_cast<const u64 *>(codes + i);
        } else {
            for (int e = 0; e < count; e++) word |= static_cast<u64>(codes[i + e]) << (8 * e);
        }
        float part[8];
#pragma unroll
        for (int e = 0; e < 8; e++) part[e] = table[word >> (8 * e) & 255] * scale;
        store8(y + i, count, part);
    }
}

#define DEFINE(T, NAME)                                                                                           \
    KERNEL(256) quantize_blockwise_v1_lanes_##NAME(const T *x, const float *values, u8 *codes, float *absmax, i64 n, \
                                                   i64 blocks, i64 blocksize) {                                   \
        quantize(x, values, codes, absmax, n, blocks, blocksize);                                                 \
    }                                                                                                             \
    KERNEL(256) dequantize_blockwise_v1_lanes_##NAME(const u8 *codes, const float *absmax, const float *values,   \
                                                     T *y, i64 n, i64 blocks, i64 blocksize) {                    \
        dequantize(codes, absmax, values, y, n, blocksize);                                                       \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
