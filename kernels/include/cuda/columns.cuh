// Sums over rows for every column: gradients of weights.
//
// Theory of operation. Beside what a kernel does with the rows: a block works on every gridDim.x-th row and keeps a
// sum per column in shared memory, one set for each of its groups. At its end the block writes its sums to scratch
// memory; a second kernel adds those of all blocks. The order is that of the rows and blocks, so results are the
// same every time; no atomics.
//
// A thread holds N neighbouring columns, its neighbour the next N: laid out as they come, N lanes would meet in one
// bank. So column j lies at j % N * (n / N) + j / N.
//
// Scratch: 256 bytes, whose first word is the number of blocks; then COUNT * n floats for each block.
#pragma once
#include <reduce.cuh>

template <int COUNT, int N>
struct Columns {
    float *sums;
    int n, stride;

    // All threads of the block call this, and `add` between two calls of group_sync.
    DEVICE explicit Columns(i64 columns) : n(static_cast<int>(columns)), stride(n / N) {
        sums = static_cast<float *>(dynamic_shared()) + threadIdx.y * COUNT * n;
        for (int j = threadIdx.x; j < COUNT * n; j += blockDim.x) sums[j] = 0;
        group_sync();
    }
    // To column j + e, j a multiple of N.
    DEVICE void add(int which, i64 j, int e, float x) { sums[which * n + e * stride + static_cast<int>(j) / N] += x; }

    DEVICE void write(void *scratch) const {
        __syncthreads();
        const float *all = static_cast<const float *>(dynamic_shared());
        float *to = reinterpret_cast<float *>(static_cast<char *>(scratch) + SCRATCH_HEAD) +
                    static_cast<i64>(blockIdx.x) * COUNT * n;
        const int threads = blockDim.x * blockDim.y;
        for (int i = threadIdx.y * blockDim.x + threadIdx.x; i < COUNT * n; i += threads) {
            const int j = i % n, at = i - j + j % N * stride + j / N;
            float sum = 0;
            for (int group = 0; group < blockDim.y; group++) sum += all[group * COUNT * n + at];
            to[i] = sum;
        }
        if (blockIdx.x == 0 && threadIdx.x == 0 && threadIdx.y == 0) *static_cast<u32 *>(scratch) = gridDim.x;
    }
};

// For a block of 32 x 32 and 32 columns: threadIdx.y takes every 32nd of `rows`, f(row, column, sums) adds them, and
// what the 32 have goes to to[which][column]; `to[which]` may be NULL.
template <int COUNT, class T, class F>
DEVICE void sum_columns(T *const (&to)[COUNT], i64 rows, i64 n, F f) {
    __shared__ float part[32][33];
    const i64 j = static_cast<i64>(blockIdx.x) * 32 + threadIdx.x, mine = static_cast<i64>(blockIdx.x) * 32 + threadIdx.y;
    float sum[COUNT] = {};
    if (j < n)
        for (i64 i = threadIdx.y; i < rows; i += 32) f(i, j, sum);
#pragma unroll
    for (int which = 0; which < COUNT; which++) {
        part[threadIdx.y][threadIdx.x] = sum[which];
        __syncthreads();
        const float total = warp_all(part[threadIdx.x][threadIdx.y], Add());
        if (threadIdx.x == 0 && mine < n && to[which]) to[which][mine] = narrow<T>(total);
        __syncthreads();
    }
}

// The second kernel: adds what the blocks have written.
template <int COUNT, class T>
DEVICE void add_columns(const void *scratch, T *const (&to)[COUNT], i64 n) {
    const float *from = reinterpret_cast<const float *>(static_cast<const char *>(scratch) + SCRATCH_HEAD);
    sum_columns<COUNT, T>(to, *static_cast<const u32 *>(scratch), n, [&](i64 block, i64 j, float(&sum)[COUNT]) {
#pragma unroll
        for (int which = 0; which < COUNT; which++) sum[which] += from[(block * COUNT + which) * n + j];
    });
}
