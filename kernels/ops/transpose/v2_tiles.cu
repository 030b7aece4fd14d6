// Tiles of 32 by 32 through shared memory: rows come in, columns go out, both in neighbouring addresses.
// Learned: a line of the tile is one element longer than 32, so that a column lies in 32 different banks; without
// that its 32 threads wait for each other.

#include "kernel.cuh"

constexpr int SIDE = 32, LINES = 8;

template <class T>
DEVICE void transpose(const T *x, T *y, i64 batch, i64 m, i64 n) {
    __shared__ T tile[SIDE][SIDE + 1];
    const i64 down = (m + SIDE - 1) / SIDE, across = (n + SIDE - 1) / SIDE;
    const int column = threadIdx.x, line = threadIdx.y;
    for (i64 at = blockIdx.x; at < batch * down * across; at += gridDim.x) {
        const i64 b = at / (down * across), i0 = at / across % down * SIDE, j0 = at % across * SIDE;
        const T *from = x + b * m * n;
        T *to = y + b * m * n;
#pragma unroll
        for (int k = 0; k < SIDE; k += LINES)
            if (i0 + line + k < m && j0 + column < n) tile[line + k][column] = from[(i0 + line + k) * n + j0 + column];
        __syncthreads();
#pragma unroll
        for (int k = 0; k < SIDE; k += LINES)
            if (j0 + line + k < n && i0 + column < m) to[(j0 + line + k) * m + i0 + column] = tile[column][line + k];
        __syncthreads();
    }
}

#define DEFINE(T, NAME) \
    KERNEL(256) transpose_v2_tiles_##NAME(const T *x, T *y, i64 batch, i64 m, i64 n) { transpose(x, y, batch, m, n); }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
DEFINE(i64, i64)
DEFINE(int, i32)
DEFINE(signed char, i8)
DEFINE(u8, u8)
