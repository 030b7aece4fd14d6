// 16 bytes to a thread, in every dtype; arithmetic in float32.
// Learned: one load instruction for four to eight elements; for the rest a card has 17 (16-bit dtypes) to 35
// instructions per element before the memory waits for it, so the formulas are written with one exponential and one
// division where the textbook has a tanh.
#include "elementwise.cuh"
#include "functions.cuh"

#define FORWARD(OP, VALUE)                                                                       \
    KERNEL(256) OP(const T *x, T *y, i64 n) {                                                    \
        each_element<1, 1, T>({x}, {y}, n, [&](const float(&a)[1], float(&b)[1]) {               \
            const float v = a[0];                                                                \
            b[0] = VALUE;                                                                        \
        });                                                                                      \
    }
#define FORWARD_WITH(OP, NUMBER, VALUE)                                                          \
    KERNEL(256) OP(const T *x, T *y, i64 n, double NUMBER) {                                     \
        const float number = static_cast<float>(NUMBER);                                         \
        each_element<1, 1, T>({x}, {y}, n, [&](const float(&a)[1], float(&b)[1]) {               \
            const float v = a[0];                                                                \
            b[0] = VALUE;                                                                        \
        });                                                                                      \
    }
#define GRADIENT(OP, FROM, VALUE)                                                                \
    KERNEL(256) OP(const T *dy, const T *FROM, T *dx, i64 n) {                                   \
        each_element<2, 1, T>({dy, FROM}, {dx}, n, [&](const float(&a)[2], float(&b)[1]) {       \
            const float g = a[0], v = a[1];                                                      \
            b[0] = VALUE;                                                                        \
        });                                                                                      \
    }
#define GRADIENT_WITH(OP, NUMBER, VALUE)                                                         \
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

#define ALL(NAME)                                                                                \
    FORWARD(relu_v2_vector_##NAME, relu(v))                                                      \
    FORWARD_WITH(leaky_relu_v2_vector_##NAME, slope, v > 0 ? v : v * number)                     \
    FORWARD(gelu_v2_vector_##NAME, gelu(v))                                                      \
    FORWARD(gelu_tanh_v2_vector_##NAME, gelu_tanh<T>(v))                                         \
    FORWARD(silu_v2_vector_##NAME, silu<T>(v))                                                   \
    FORWARD(sigmoid_v2_vector_##NAME, logistic<T>(v))                                            \
    FORWARD(tanh_v2_vector_##NAME, tanhf(v))                                                     \
    FORWARD(softplus_v2_vector_##NAME, softplus(v))                                              \
    FORWARD_WITH(elu_v2_vector_##NAME, alpha, elu(v, number))                                    \
    FORWARD(hardswish_v2_vector_##NAME, hardswish(v))                                            \
    FORWARD(mish_v2_vector_##NAME, mish<T>(v))                                                   \
    GRADIENT(relu_grad_v2_vector_##NAME, x, v <= 0 ? 0 : g)                                      \
    GRADIENT_WITH(leaky_relu_grad_v2_vector_##NAME, slope, v > 0 ? g : g * number)               \
    GRADIENT(gelu_grad_v2_vector_##NAME, x, g * gelu_slope(v))                                   \
    GRADIENT(gelu_tanh_grad_v2_vector_##NAME, x, g * gelu_tanh_slope<T>(v))                      \
    GRADIENT(silu_grad_v2_vector_##NAME, x, g * silu_slope<T>(v))                                \
    GRADIENT(sigmoid_grad_v2_vector_##NAME, y, g * (v * (1 - v)))                                \
    GRADIENT(tanh_grad_v2_vector_##NAME, y, g * (1 - v * v))                                     \
    GRADIENT(softplus_grad_v2_vector_##NAME, x, g * logistic<T>(v))                              \
    GRADIENT_WITH(elu_grad_v2_vector_##NAME, alpha, g * elu_slope(v, number))                    \
    GRADIENT(hardswish_grad_v2_vector_##NAME, x, v <= -3 ? 0 : g * hardswish_slope(v))           \
    GRADIENT(mish_grad_v2_vector_##NAME, x, g * mish_slope<T>(v))                                \
    KERNEL(256) swiglu_v2_vector_##NAME(const T *gate, const T *up, T *y, i64 n) {               \
        each_element<2, 1, T>({gate, up}, {y}, n, [&](const float(&a)[2], float(&b)[1]) {        \
            b[0] = silu<T>(a[0]) * a[1];                                                         \
        });                                                                                      \
    }                                                                                            \
    KERNEL(256) swiglu_grad_v2_vector_##NAME(const T *dy, const T *gate, const T *up, T *dgate,  \
                                             T *dup, i64 n) {                                    \
        swiglu_gradient(dy, gate, up, dgate, dup, n);                                            \
    }

namespace in_f32 {
typedef float T;
ALL(f32)
}  // namespace in_f32
namespace in_bf16 {
typedef bf16 T;
ALL(bf16)
}  // namespace in_bf16
namespace in_f16 {
typedef f16 T;
ALL(f16)
}  // namespace in_f16
