// A thread to an element, the whole step in one pass over the arrays.
// Learned: seven streams of neighbouring addresses keep the memory busy as they are; what the settings make of it
// (rates) is worked out by every thread again, since that is cheaper than another kernel.
#include "kernel.cuh"

template <class T>
DEVICE void step(float *param, float *m, float *v, const T *grad, const double *rates, T *low, i64 n, bool decoupled) {
    const float lr = static_cast<float>(rates[0]) / static_cast<float>(rates[5]), rest1 = static_cast<float>(1 - rates[1]);
    const float beta2 = static_cast<float>(rates[2]), rest2 = static_cast<float>(1 - rates[2]);
    const float eps = static_cast<float>(rates[3]), root = 1 / sqrtf(static_cast<float>(rates[6]));
    const float kept = decoupled ? static_cast<float>(1 - rates[0] * rates[4]) : 1;
    const float added = decoupled ? 0 : static_cast<float>(rates[4]);
    const i64 stride = static_cast<i64>(gridDim.x) * blockDim.x;
    for (i64 i = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += stride) {
        const float p = param[i] * kept, g = widen(grad[i]) + (added != 0 ? added * p : 0);
        const float first = m[i] + (g - m[i]) * rest1, second = beta2 * v[i] + rest2 * (g * g);
        const float now = p - lr * (first / (sqrtf(second) * root + eps));
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
