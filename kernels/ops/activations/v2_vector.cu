// 16 bytes to a thread, in every dtype; arithmetic in float32.
// Learned: one load instruction for four to eight elements; for the rest a card has 17 (16-bit dtypes) to 35
// instructions per element before the memory waits for it, so the formulas are written with one exponential and one
// division where the textbook has a tanh.
#include "elementwise.cuh"
#include "functions.cuh"

#define FORWARD(T, OP, VALUE)                                                                       \
    KERNEL(256) OP(const T *x, T *y, i64 n) {                                                    \
        each_element<1, 1, T>({x}, {y}, n, [&](const float(&a)[1], float(&b)[1]) {               \
            const float v = a[0];                                                                \
            b[0] = VALUE;                                                                        \
        });                                                                                      \
    }
#define FORWARD_WITH(T, OP, NUMBER, VALUE)                                                          \
    KERNEL(256) OP(const T *x, T *y, i64 n, double NUMBER) {                                     \
        const float number = static_cast<float>(NUMBER);                                         \
        each_element<1, 1, T>({x}, {y}, n, [&](const float(&a)[1], float(&b)[1]) {               \
            const float v = a[0];                                                                \
            b[0] = VALUE;                                                                        \
        });                                                                                      \
    }
#define GRADIENT(T, OP, FROM, VALUE)                                                                \
    KERNEL(256) OP(const T *dy, const T *FROM, T *dx, i64 n) {                                   \
        each_element<2, 1, T>({dy, FROM}, {dx}, n, [&](const float(&a)[2], float(&b)[1]) {       \
            const float g = a[0], v = a[1];                                                      \
            b[0] = VALUE;                                                                        \
        });                                                                                      \
    }
#define GRADIENT_WITH(T, OP, NUMBER, VALUE)                                                         \
    KERNEL(256) OP(const T *dy, const T *x, T *dx, i64 n, double NUMBER) {                       \
        const float number = static_cast<float>(NUMBER);                                         \
        each_element<2, 1, T>({dy, x}, {dx}, n, [&](const float(&a)[2], float(&b)[1]) {          \
            const float g = a[0], v = a[1];                                                      \
            b[0] = VALUE;                                                                        \
        });                                                                                      \
    }

template <class T>
DEVICE void swiglu_gradient(const T *dy, const T *gate, const T *up, T *dgate, T *dup, i64 n) {
    each_element<3, 2, T>({dy, gate, up}, {dgate, dup}, n, [&](const float(&a)[3], float(&b)[2]) {
        b[0] = a[0] * a[2] * silu_slope<T>(a[1]);
        b[1] = a[0] * silu<T>(a[1]);
    });
}

#define ALL(T, NAME)                                                                                \
    FORWARD(T, relu_v2_vector_##NAME, relu(v))                                                      \
    FORWARD_WITH(T, leaky_relu_v2_vector_##NAME, slope, v > 0 ? v : v * number)                     \
    FORWARD(T, gelu_v2_vector_##NAME, gelu(v))                                                      \
    FORWARD(T, gelu_tanh_v2_vector_##NAME, gelu_tanh<T>(v))                                         \
    FORWARD(T, silu_v2_vector_##NAME, silu<T>(v))                                                   \
    FORWARD(T, sigmoid_v2_vector_##NAME, logistic<T>(v))                                            \
    FORWARD(T, tanh_v2_vector_##NAME, tanhf(v))                                                     \
    FORWARD(T, softplus_v2_vector_##NAME, softplus(v))                                              \
    FORWARD_WITH(T, elu_v2_vector_##NAME, alpha, elu(v, number))                                    \
    FORWARD(T, hardswish_v2_vector_##NAME, hardswish(v))                                            \
    FORWARD(T, mish_v2_vector_##NAME, mish<T>(v))                                                   \
    GRADIENT(T, relu_grad_v2_vector_##NAME, x, v <= 0 ? 0 : g)                                      \
    GRADIENT_WITH(T, leaky_relu_grad_v2_vector_##NAME, slope, v > 0 ? g : g * number)               \
    GRADIENT(T, gelu_grad_v2_vector_##NAME, x, g * gelu_slope(v))                                   \
    GRADIENT(T, gelu_tanh_grad_v2_vector_##NAME, x, g * gelu_tanh_slope<T>(v))                      \
    GRADIENT(T, silu_grad_v2_vector_##NAME, x, g * silu_slope<T>(v))                                \
    GRADIENT(T, sigmoid_grad_v2_vector_##NAME, y, g * (v * (1 - v)))                                \
    GRADIENT(T, tanh_grad_v2_vector_##NAME, y, g * (1 - v * v))                                     \
    GRADIENT(T, softplus_grad_v2_vector_##NAME, x, g * logistic<T>(v))                              \
    GRADIENT_WITH(T, elu_grad_v2_vector_##NAME, alpha, g * elu_slope(v, number))                    \
    GRADIENT(T, hardswish_grad_v2_vector_##NAME, x, v <= -3 ? 0 : g * hardswish_slope(v))           \
    GRADIENT(T, mish_grad_v2_vector_##NAME, x, g * mish_slope<T>(v))                                \
    KERNEL(256) swiglu_v2_vector_##NAME(const T *gate, const T *up, T *y, i64 n) {               \
        each_element<2, 1, T>({gate, up}, {y}, n, [&](const float(&a)[2], float(&b)[1]) {        \
            b[0] = silu<T>(a[0]) * a[1];                                                         \
        });                                                                                      \
    }                                                                                            \
    KERNEL(256) swiglu_grad_v2_vector_##NAME(const T *dy, const T *gate, const T *up, T *dgate,  \
                                             T *dup, i64 n) {                                    \
        swiglu_gradient(dy, gate, up, dgate, dup, n);                                            \
    }

ALL(float, f32)
ALL(bf16, bf16)
ALL(f16, f16)
