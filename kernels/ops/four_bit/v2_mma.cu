// The product for up to 64 rows of 16-bit x on tensor cores: a block to sixteen rows of weights, its eight warps share
// k and add up what they found in shared memory, always in the same order.
// Learned: a sum over k may take k in any order, so a lane reads eight codes that lie together, 4 bytes, and the eight
// elements of x that belong to them, 16 bytes: they are operands of two products as they lie, without shared memory.
#include "nibbles.cuh"

constexpr int WARPS = 8, TALL = 16;  // rows of weights
template <class T>
DEVICE void product(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1);
template <>
DEVICE void product<bf16>(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    mma_bf16(c, a, b0, b1);
}
template <>
DEVICE void product<f16>(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    mma_f16(c, a, b0, b1);
}

// Eight weights of a row, in pairs.
template <class T>
DEVICE uint4 weights_of(u32 word, const float *table, float scale) {
    float w[8];
#pragma unroll
    for (int e = 0; e < 8; e++) w[e] = table[code_of(word, e)] * scale;
    return pack<T>(w);
}

// M: sixteens of rows of x; sixteen rows of weights from `first` on.
template <int M, class T>
DEVICE void sixteen(const T *x, const u8 *packed, const float *table, const Scales &scales, const T *bias, T *y,
                    i64 rows, i64 k, i64 n, i64 blocksize, i64 first) {
    __shared__ float part[WARPS][16 * TALL];
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    const int q = lane / 4, t = lane % 4, shift = log2_of(blocksize);
    float sums[M][2][4] = {};
    for (i64 j = warp * 32 + t * 8; j < k; j += WARPS * 32) {
        uint4 b[2];
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const i64 row = first + half * 8 + q, i = row * k + j;
            const bool there = row < n;
            const u32 word = there ? *reinterpret_cast<const u32 *>(packed + i / 2) : 0;
            b[half] = weights_of<T>(word, table, there ? scales[i >> shift] : 0.0f);
        }
#pragma unroll
        for (int m = 0; m < M; m++) {
            const i64 upper = m * 16 + q, lower = upper + 8;
            const uint4 none = make_uint4(0, 0, 0, 0);
            const uint4 a0 = upper < rows ? load16(x + upper * k + j) : none;
            const uint4 a1 = lower < rows ? load16(x + lower * k + j) : none;
            const u32 even[4] = {a0.x, a1.x, a0.y, a1.y}, odd[4] = {a0.z, a1.z, a0.w, a1.w};
#pragma unroll
            for (int half = 0; half < 2; half++) {
                product<T>(sums[m][half], even, b[half].x, b[half].y);
                product<T>(sums[m][half], odd, b[half].z, b[half].w);
            }
        }
    }
#pragma unroll
    for (int m = 0; m < M; m++) {
        __syncthreads();  // the sums before have been read
#pragma unroll
        for (int half = 0; half < 2; half++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                part[warp][(q + (e / 2) * 8) * TALL + half * 8 + t * 2 + e % 2] = sums[m][half][e];
        __syncthreads();
        const int mine = static_cast<int>(threadIdx.x);
        float sum = 0;
#pragma unroll
        for (int w = 0; w < WARPS; w++) sum += part[w][mine];
        const i64 row = m * 16 + mine / TALL, column = first + mine % TALL;
        if (row < rows && column < n) y[row * n + column] = narrow<T>(sum + (bias ? widen(bias[column]) : 0));
    }
}

template <int M, class T>
DEVICE void multiply(const T *x, const u8 *packed, const float *values, const Scales &scales, const T *bias, T *y,
                     i64 rows, i64 k, i64 n, i64 blocksize) {
    __shared__ float table[16];
    if (threadIdx.x < 16) table[threadIdx.x] = values[threadIdx.x];
    __syncthreads();
    for (i64 first = static_cast<i64>(blockIdx.x) * TALL; first < n; first += static_cast<i64>(gridDim.x) * TALL)
        sixteen<M>(x, packed, table, scales, bias, y, rows, k, n, blocksize, first);
}

#define DEFINE(M, SUFFIX, T, NAME)                                                                                   \
    KERNEL(256) gemm_4bit_v2_mma_##NAME##SUFFIX(const T *x, const u8 *packed, const float *values, const float *absmax, const u8 *absmax8, const float *nested_absmax, const float *nested_values,       \
                                                const T *bias, T *y, i64 rows, i64 k, i64 bytes, i64 blocks,         \
                                                i64 groups, i64 n, i64 blocksize, i64 nested_blocksize, double nested_offset) {        \
        const Scales scales{absmax,           absmax8,          nested_absmax, nested_values, nested_blocksize, static_cast<float>(nested_offset)};                 \
        multiply<M>(x, packed, values, scales, bias, y, rows, k, n, blocksize);                                      \
    }
DEFINE(1, _16, bf16, bf16)
DEFINE(2, _32, bf16, bf16)
DEFINE(4, _64, bf16, bf16)
DEFINE(1, _16, f16, f16)
DEFINE(2, _32, f16, f16)
DEFINE(4, _64, f16, f16)
