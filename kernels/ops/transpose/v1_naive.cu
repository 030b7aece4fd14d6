// One thread to an element, in the order of the source.
// Learned: reading runs along the rows, so writing jumps from row to row: every element drags 32 bytes with it.
#include "kernel.cuh"

KERNEL(256) transpose_v1_naive_f32(const float *x, float *y, i64 batch, i64 m, i64 n) {
    const i64 at = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (at >= batch * m * n) return;
    const i64 j = at % n, i = at / n % m, b = at / (m * n);
    y[(b * n + j) * m + i] = x[at];
}
