// One thread to an element, each formula as it stands.
// Learned: neighbouring threads read neighbouring addresses, which is most of what there is to win; four bytes at a
// time leave the memory waiting for instructions.
#include "functions.cuh"
#include "kernel.cuh"

#define EACH                                                                       \
    const i64 i = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;         \
    if (i >= n) return;
#define FORWARD(NAME, VALUE)                                                       \
    KERNEL(256) NAME##_v1_naive_f32(const float *x, float *y, i64 n) {             \
        EACH const float v = x[i];                                                 \
        y[i] = VALUE;                                                              \
    }
#define FORWARD_WITH(NAME, NUMBER, VALUE)                                          \
    KERNEL(256) NAME##_v1_naive_f32(const float *x, float *y, i64 n, double NUMBER) { \
        EACH const float v = x[i], number = static_cast<float>(NUMBER);            \
        y[i] = VALUE;                                                              \
    }
#define GRADIENT(NAME, FROM, SLOPE)                                                \
    KERNEL(256) NAME##_grad_v1_naive_f32(const float *dy, const float *FROM, float *dx, i64 n) { \
        EACH const float v = FROM[i];                                              \
        dx[i] = dy[i] * (SLOPE);                                                   \
    }
#define GRADIENT_WITH(NAME, NUMBER, VALUE)                                         \
    KERNEL(256) NAME##_grad_v1_naive_f32(const float *dy, const float *x, float *dx, i64 n, double NUMBER) { \
        EACH const float v = x[i], g = dy[i], number = static_cast<float>(NUMBER); \
        dx[i] = VALUE;                                                             \
    }
FORWARD(relu, relu(v))
FORWARD_WITH(leaky_relu, slope, v > 0 ? v : v * number)
FORWARD(gelu, gelu(v))
FORWARD(gelu_tanh, gelu_tanh<float>(v))
FORWARD(silu, silu<float>(v))
FORWARD(sigmoid, logistic<float>(v))
FORWARD(tanh, tanhf(v))
FORWARD(softplus, softplus(v))
FORWARD_WITH(elu, alpha, elu(v, number))
FORWARD(hardswish, hardswish(v))
FORWARD(mish, mish<float>(v))
GRADIENT(gelu, x, gelu_slope(v))
GRADIENT(gelu_tanh, x, gelu_tanh_slope<float>(v))
GRADIENT(silu, x, silu_slope<float>(v))
GRADIENT(sigmoid, y, v * (1 - v))
GRADIENT(tanh, y, 1 - v * v)
GRADIENT(softplus, x, logistic<float>(v))
GRADIENT(mish, x, mish_slope<float>(v))
GRADIENT_WITH(leaky_relu, slope, v > 0 ? g : g * number)
GRADIENT_WITH(elu, alpha, g * elu_slope(v, number))
KERNEL(256) relu_grad_v1_naive_f32(const float *dy, const float *x, float *dx, i64 n) {
    EACH dx[i] = x[i] <= 0 ? 0 : dy[i];
}
KERNEL(256) hardswish_grad_v1_naive_f32(const float *dy, const float *x, float *dx, i64 n) {
    EACH dx[i] = x[i] <= -3 ? 0 : dy[i] * hardswish_slope(x[i]);
}
KERNEL(256) swiglu_v1_naive_f32(const float *gate, const float *up, float *y, i64 n) {
    EACH y[i] = silu<float>(gate[i]) * up[i];
}
KERNEL(256) swiglu_grad_v1_naive_f32(const float *dy, const float *gate, const float *up, float *dgate, float *dup, i64 n) {
    EACH const float d = dy[i], g = gate[i], u = up[i];
    dgate[i] = d * u * silu_slope<float>(g);
    dup[i] = d * silu<float>(g);
}
