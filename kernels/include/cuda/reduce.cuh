// Combining a value over the threads that share a row: a warp by shuffles, a block through shared memory.
//
// A *group* is the threads with one threadIdx.y: blockDim.x of them, a multiple of 32. Either a group is one warp
// (then several may stand in a block, and nothing here waits for the block), or it is the whole block.
// The order of combining is fixed, so results are the same every time.
#pragma once
#include <kernel.cuh>

struct Add {
    DEVICE float operator()(float a, float b) const { return a + b; }
};
struct Max {  // NaN loses
    DEVICE float operator()(float a, float b) const { return fmaxf(a, b); }
};

// Every lane gets the result: the butterfly adds the same pairs on both sides.
template <class F, class A>
DEVICE A warp_all(A x, F f) {
#pragma unroll
    for (int step = 16; step; step /= 2) x = f(x, __shfl_xor_sync(0xffffffffu, x, step));
    return x;
}

// Every thread of the group gets the result; `neutral` changes nothing when combined.
template <class F, class A>
DEVICE A group_all(A x, F f, A neutral) {
    x = warp_all(x, f);
    if (blockDim.x == 32) return x;
    __shared__ A part[32];
    __syncthreads();  // who read it last time has done so
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = x;
    __syncthreads();
    return warp_all(threadIdx.x % 32 < blockDim.x / 32 ? part[threadIdx.x % 32] : neutral, f);
}

DEVICE float group_sum(float x) { return group_all(x, Add(), 0.0f); }
DEVICE float group_max(float x) { return group_all(x, Max(), -INF); }

// Two sums for one wait.
DEVICE void group_sums(float &x, float &y) {
    x = warp_all(x, Add());
    y = warp_all(y, Add());
    if (blockDim.x == 32) return;
    __shared__ float part[2][32];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32;
    __syncthreads();
    if (lane == 0) part[0][warp] = x, part[1][warp] = y;
    __syncthreads();
    x = warp_all(lane < warps ? part[0][lane] : 0.0f, Add());
    y = warp_all(lane < warps ? part[1][lane] : 0.0f, Add());
}

// The group's threads see what the others wrote to shared memory.
DEVICE void group_sync() {
    if (blockDim.x == 32)
        __syncwarp();
    else
        __syncthreads();
}

// The row a group works on first, and how far it is to its next one.
DEVICE i64 first_row() { return static_cast<i64>(blockIdx.x) * blockDim.y + threadIdx.y; }
DEVICE i64 row_stride() { return static_cast<i64>(gridDim.x) * blockDim.y; }
