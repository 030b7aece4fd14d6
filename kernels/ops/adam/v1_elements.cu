// A thread to an element, the whole step in one pass over the arrays.
// Learned: seven streams of neighbouring addresses keep the memory busy as they are. What the settings make of it is
// worked out once per block and lies in shared memory, since registers are what such a kernel runs out of.
#include "kernel.cuh"

enum { LR, REST1, BETA2, REST2, EPS, ROOT, KEPT, ADDED, COUNT };

template <class T>
DEVICE void step(float *param, float *m, float *v, const T *grad, const double *rates, T *low, i64 n, bool decoupled) {
    __shared__ float set[COUNT];
    if (threadIdx.x == 0) {
        set[LR] = static_cast<float>(rates[0]) / static_cast<float>(rates[5]);
        set[REST1] = static_cast<float>(1 - rates[1]);
        set[BETA2] = static_cast<float>(rates[2]), set[REST2] = static_cast<float>(1 - rates[2]);
        set[EPS] = static_cast<float>(rates[3]), set[ROOT] = 1 / sqrtf(static_cast<float>(rates[6]));
        set[KEPT] = decoupled ? static_cast<float>(1 - rates[0] * rates[4]) : 1;
        set[ADDED] = decoupled ? 0 : static_cast<float>(rates[4]);
    }
    __syncthreads();
    const i64 stride = static_cast<i64>(gridDim.x) * blockDim.x;
    for (i64 i = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += stride) {
        const float p = param[i] * set[KEPT], g = widen(grad[i]) + (set[ADDED] != 0 ? set[ADDED] * p : 0);
        const float first = m[i] + (g - m[i]) * set[REST1], second = set[BETA2] * v[i] + set[REST2] * (g * g);
        const float now = p - set[LR] * (first / (sqrtf(second) * set[ROOT] + set[EPS]));
        m[i] = first, v[i] = second, param[i] = now;
        if (low) low[i] = narrow<T>(now);
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
