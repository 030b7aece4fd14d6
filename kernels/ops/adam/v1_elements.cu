// A thread to an element, the whole step in one pass over the arrays.
// Learned: seven streams of neighbouring addresses keep the memory busy as they are. What the settings make of it is
// worked out once per block and lies in shared memory, since registers are what such a kernel runs out of.
#include "update.cuh"

template <class T>
DEVICE void step(float *param, float *m, float *v, const T *grad, const double *rates, T *low, i64 n, bool decoupled) {
    __shared__ Settings set;
    if (threadIdx.x == 0) set.read(rates, decoupled);
    __syncthreads();
    const i64 stride = static_cast<i64>(gridDim.x) * blockDim.x;
    for (i64 i = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += stride) {
        float p = param[i], first = m[i], second = v[i];
        set.update(p, first, second, widen(grad[i]));
        m[i] = first, v[i] = second, param[i] = p;
        if (low) low[i] = narrow<T>(p);
    }
}

#define OPERATOR(OP, DECOUPLED, T, NAME)                                                                       \
    KERNEL(256) OP##_v1_elements_##NAME(float *param, float *m, float *v, const T *grad, const double *rates,  \
                                        T *low, i64 n) {                                                       \
        step(param, m, v, grad, rates, low, n, DECOUPLED);                                                     \
    }
#define DEFINE(T, NAME)              \
    OPERATOR(adam, false, T, NAME)   \
    OPERATOR(adamw, true, T, NAME)
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
