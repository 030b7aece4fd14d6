// A thread to eight elements, of every array 16 or 32 bytes at a time.
// Learned: with one element to a thread, each waits for four loads of 4 bytes; with eight, 112 bytes are on their way
// at once, which hides memory's latency with a quarter of the threads.
#include <codes8.cuh>

#include "update.cuh"

template <class T>
DEVICE void step(float *param, float *m, float *v, const T *grad, const double *rates, T *low, i64 n, bool decoupled) {
    __shared__ Settings set;
    if (threadIdx.x == 0) set.read(rates, decoupled);
    __syncthreads();
    const i64 stride = static_cast<i64>(gridDim.x) * blockDim.x * 8;
    for (i64 i = (static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x) * 8; i < n; i += stride) {
        const int count = up_to_8(n - i);
        float p[8], first[8], second[8], g[8];
        load8(param + i, count, p);
        load8(m + i, count, first);
        load8(v + i, count, second);
        load8(grad + i, count, g);
#pragma unroll
        for (int e = 0; e < 8; e++) set.update(p[e], first[e], second[e], g[e]);
        store8(m + i, count, first);
        store8(v + i, count, second);
        store8(param + i, count, p);
        if (low) store8(low + i, count, p);
    }
}

#define OPERATOR(OP, DECOUPLED, T, NAME)                                                                     \
    KERNEL(256) OP##_v2_eights_##NAME(float *param, float *m, float *v, const T *grad, const double *rates,  \
                                      T *low, i64 n) {                                                       \
        step(param, m, v, grad, rates, low, n, DECOUPLED);                                                   \
    }
#define DEFINE(T, NAME)              \
    OPERATOR(adam, false, T, NAME)   \
    OPERATOR(adamw, true, T, NAME)
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
