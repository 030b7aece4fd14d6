// The activations and their slopes for one float32. `exp_for<T>` is as exact as results of dtype T need it.
#pragma once
#include "kernel.cuh"

// NaN stays NaN, which fminf and fmaxf would drop.
DEVICE float cut(float x, float far) { return x < -far ? -far : x > far ? far : x; }

template <class T>
DEVICE float logistic(float x) {
    return 1 / (1 + exp_for<T>(-x));
}
DEVICE float relu(float x) { return x < 0 ? 0 : x; }
DEVICE float gelu(float x) { return 0.5f * x * (1 + erff(x * 0.70710678f)); }
DEVICE float gelu_slope(float x) {
    x = cut(x, 16);
    return 0.5f * (1 + erff(x * 0.70710678f)) + x * expf(-0.5f * x * x) * 0.39894228f;
}
// (1 + tanh(u)) / 2 is the logistic function of 2 u: one exponential instead of a tanh.
constexpr float TWICE = 1.5957691216057308f, CUBIC = 0.044715f;
template <class T>
DEVICE float gelu_tanh(float x) {
    return x / (1 + exp_for<T>(-TWICE * (x + CUBIC * x * x * x)));
}
template <class T>
DEVICE float gelu_tanh_slope(float x) {
    x = cut(x, 16);
    const float s = logistic<T>(TWICE * (x + CUBIC * x * x * x));
    return s + x * s * (1 - s) * TWICE * (1 + 3 * CUBIC * x * x);
}
template <class T>
DEVICE float silu(float x) {
    return x / (1 + exp_for<T>(-x));
}
template <class T>
DEVICE float silu_slope(float x) {
    x = cut(x, 80);
    const float s = logistic<T>(x);
    return s * (1 + x * (1 - s));
}
DEVICE float softplus(float x) { return (x < 0 ? 0 : x) + log1pf(expf(-fabsf(x))); }
DEVICE float elu(float x, float alpha) { return x > 0 ? x : alpha * expm1f(x); }
DEVICE float elu_slope(float x, float alpha) { return x > 0 ? 1 : alpha * expf(x); }
DEVICE float hardswish(float x) {
    const float y = x + 3;
    return x * ((y < 0 ? 0 : y > 6 ? 6 : y) / 6);
}
DEVICE float hardswish_slope(float x) { return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5f; }
// tanh(log(1 + e)) = p / (p + 2) with p = e (e + 2), so that nothing cancels; from 20 on it is 1.
template <class T>
DEVICE float mish(float x) {
    const float e = exp_for<T>(x), p = e * (e + 2);
    return x > 20 ? x : x * (p / (p + 2));
}
template <class T>
DEVICE float mish_slope(float x) {
    x = x < -80 ? -80 : x;
    const float e = exp_for<T>(x), p = e * (e + 2), t = p / (p + 2);
    return x > 20 ? 1 : t + x * (4 * (p + 1) / ((p + 2) * (p + 2))) * (e / (1 + e));
}
