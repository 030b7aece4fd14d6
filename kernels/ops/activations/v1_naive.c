// Each formula as it stands, element by element, with the mathematical library's functions.
// Learned: a call of expf, erff or tanhf per element takes ten to fifty times what the memory takes; what has no
// such call (relu, hardswish) the compiler vectorises by itself and is done.
#include <math.h>

#include "kernel.h"

static const float ROOT_HALF = 0.70710678118654752f;
static const float TWICE = 1.5957691216057308f;  // 2 sqrt(2 / pi)
static const float CUBIC = 0.044715f;

static float cut(float x, float low, float high) { return x < low ? low : x > high ? high : x; }
static float logistic(float x) { return 1 / (1 + expf(-x)); }
static float log1p_exp(float x) { return (x < 0 ? 0 : x) + log1pf(expf(-fabsf(x))); }
static float silu_slope(float x) {
    x = cut(x, -150, 150);
    float s = logistic(x);
    return s * (1 + x * (1 - s));
}
static float gelu_slope(float x) {
    x = cut(x, -16, 16);
    return 0.5f * (1 + erff(x * ROOT_HALF)) + x * expf(-0.5f * x * x) * 0.39894228040143268f;
}
static float gelu_tanh_slope(float x) {
    x = cut(x, -16, 16);
    float s = logistic(TWICE * (x + CUBIC * x * x * x));
    return s + x * s * (1 - s) * TWICE * (1 + 3 * CUBIC * x * x);
}
static float mish_slope(float x) {
    x = cut(x, -150, 150);
    float t = tanhf(log1p_exp(x));
    return t + x * (1 - t * t) * logistic(x);
}

// The result of an element `v`, and the gradient where `g` is that of the result.
#define FORWARD(NAME, VALUE)                                                                        \
    KERNEL NAME##_v1_naive_f32(const float *x, float *y, int64_t n, int threads) {                  \
        (void)threads;                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                           \
            float v = x[i];                                                                         \
            y[i] = VALUE;                                                                           \
        }                                                                                           \
        return OK;                                                                                  \
    }
#define FORWARD_WITH(NAME, NUMBER, VALUE)                                                           \
    KERNEL NAME##_v1_naive_f32(const float *x, float *y, int64_t n, double number, int threads) {   \
        (void)threads;                                                                              \
        float NUMBER = (float)number;                                                               \
        for (int64_t i = 0; i < n; i++) {                                                           \
            float v = x[i];                                                                         \
            y[i] = VALUE;                                                                           \
        }                                                                                           \
        return OK;                                                                                  \
    }
#define GRADIENT(NAME, VALUE)                                                                       \
    KERNEL NAME##_v1_naive_f32(const float *dy, const float *x, float *dx, int64_t n, int threads) { \
        (void)threads;                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                           \
            float g = dy[i], v = x[i];                                                              \
            dx[i] = VALUE;                                                                          \
        }                                                                                           \
        return OK;                                                                                  \
    }
#define GRADIENT_WITH(NAME, NUMBER, VALUE)                                                          \
    KERNEL NAME##_v1_naive_f32(                                                                     \
        const float *dy, const float *x, float *dx, int64_t n, double number, int threads) {        \
        (void)threads;                                                                              \
        float NUMBER = (float)number;                                                               \
        for (int64_t i = 0; i < n; i++) {                                                           \
            float g = dy[i], v = x[i];                                                              \
            dx[i] = VALUE;                                                                          \
        }                                                                                           \
        return OK;                                                                                  \
    }

FORWARD(relu, v < 0 ? 0 : v)
FORWARD_WITH(leaky_relu, slope, v > 0 ? v : v *slope)
FORWARD(gelu, 0.5f * v * (1 + erff(v * ROOT_HALF)))
FORWARD(gelu_tanh, 0.5f * v * (1 + tanhf(0.5f * TWICE * (v + CUBIC * v * v * v))))
FORWARD(silu, v / (1 + expf(-v)))
FORWARD(sigmoid, logistic(v))
FORWARD(tanh, tanhf(v))
FORWARD(softplus, log1p_exp(v))
FORWARD_WITH(elu, alpha, v > 0 ? v : alpha * expm1f(v))
FORWARD(hardswish, v * (cut(v + 3, 0, 6) / 6))
FORWARD(mish, v *tanhf(log1p_exp(v)))

GRADIENT(relu_grad, v <= 0 ? 0 : g)
GRADIENT_WITH(leaky_relu_grad, slope, v > 0 ? g : g *slope)
GRADIENT(gelu_grad, g *gelu_slope(v))
GRADIENT(gelu_tanh_grad, g *gelu_tanh_slope(v))
GRADIENT(silu_grad, g *silu_slope(v))
GRADIENT(sigmoid_grad, g *(v * (1 - v)))
GRADIENT(tanh_grad, g *(1 - v * v))
GRADIENT(softplus_grad, g *logistic(v))
GRADIENT_WITH(elu_grad, alpha, v > 0 ? g : g * (alpha * expf(v)))
GRADIENT(hardswish_grad, v <= -3 ? 0 : v >= 3 ? g : g * (v / 3 + 0.5f))
GRADIENT(mish_grad, g *mish_slope(v))

KERNEL swiglu_v1_naive_f32(const float *gate, const float *up, float *y, int64_t n, int threads) {
    (void)threads;
    for (int64_t i = 0; i < n; i++) y[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
    return OK;
}
KERNEL swiglu_grad_v1_naive_f32(
    const float *dy, const float *gate, const float *up, float *dgate, float *dup, int64_t n, int threads) {
    (void)threads;
    for (int64_t i = 0; i < n; i++) {
        float g = dy[i], v = gate[i], u = up[i];
        dgate[i] = g * u * silu_slope(v);
        dup[i] = g * (v * logistic(v));
    }
    return OK;
}
