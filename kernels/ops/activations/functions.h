// The activations and their derivatives on vectors of floats, each an object that a loop is written around.
//
// A derivative takes what the gradient operator takes: the gradient of the result and x, or the result y where y
// is enough. Arguments are cut off where a derivative has reached its limit, so that no infinity meets a zero.
#pragma once
#include "math.h"

using namespace simd;

struct Relu {
    vf operator()(vf x) const { return max(vf{}, x); }
};
struct ReluGrad {
    vf operator()(vf dy, vf x) const { return x <= 0.0f ? vf{} : dy; }
};

struct LeakyRelu {
    float slope;
    vf operator()(vf x) const { return x > 0.0f ? x : x * slope; }
};
struct LeakyReluGrad {
    float slope;
    vf operator()(vf dy, vf x) const { return x > 0.0f ? dy : dy * slope; }
};

struct Gelu {
    vf operator()(vf x) const {
        vf half = x * 0.5f;
        return half * normal_within(x) + half;
    }
};
struct GeluGrad {
    vf operator()(vf dy, vf x) const {
        x = clamp(x, -16.0f, 16.0f);
        vf below = normal_within(x) * 0.5f + 0.5f;
        return dy * (x * exp(x * x * -0.5f) * 0.39894228040143268f + below);
    }
};

// 0.5 (1 + tanh u) is the logistic function of 2 u.
constexpr float TWICE = 1.5957691216057308f;  // 2 sqrt(2 / pi)
constexpr float CUBIC = 0.044715f;
struct GeluTanh {
    vf operator()(vf x) const {
        vf u = x * (x * x * (-TWICE * CUBIC) - TWICE);
        return x / (exp(u) + 1.0f);
    }
};
struct GeluTanhGrad {
    vf operator()(vf dy, vf x) const {
        x = clamp(x, -16.0f, 16.0f);
        vf square = x * x;
        vf s = 1.0f / (exp(x * (square * (-TWICE * CUBIC) - TWICE)) + 1.0f);
        vf slope = square * (3 * TWICE * CUBIC) + TWICE;
        return dy * (x * s * ((1.0f - s) * slope) + s);
    }
};

struct Silu {
    vf operator()(vf x) const { return x / (exp(-x) + 1.0f); }
};
inline vf silu_slope(vf x, vf s) {  // s is the logistic function of x
    return s * (x * (1.0f - s) + 1.0f);
}
struct SiluGrad {
    vf operator()(vf dy, vf x) const {
        x = clamp(x, -150.0f, 150.0f);
        return dy * silu_slope(x, sigmoid(x));
    }
};

struct Sigmoid {
    vf operator()(vf x) const { return sigmoid(x); }
};
struct SigmoidGrad {
    vf operator()(vf dy, vf y) const { return dy * (y * (1.0f - y)); }
};

struct Tanh {
    vf operator()(vf x) const { return tanh(x); }
};
struct TanhGrad {
    vf operator()(vf dy, vf y) const { return dy * ((1.0f - y) * (1.0f + y)); }
};

struct Softplus {
    vf operator()(vf x) const { return max(vf{}, x) + log1p_unit(exp(-abs(x))); }
};
struct SoftplusGrad {
    vf operator()(vf dy, vf x) const { return dy * sigmoid(x); }
};

struct Elu {
    float alpha;
    vf operator()(vf x) const { return x > 0.0f ? x : expm1(x) * alpha; }
};
struct EluGrad {
    float alpha;
    vf operator()(vf dy, vf x) const { return x > 0.0f ? dy : dy * (exp(x) * alpha); }
};

struct Hardswish {
    vf operator()(vf x) const { return x * (clamp(x + 3.0f, 0.0f, 6.0f) / 6.0f); }
};
struct HardswishGrad {
    vf operator()(vf dy, vf x) const {
        vf between = dy * (x * (1.0f / 3) + 0.5f);
        return x <= -3.0f ? vf{} : x >= 3.0f ? dy : between;
    }
};

// tanh(log(1 + e)) with e = exp(x) is n / (n + 2) with n = e (e + 2): nothing cancels. It is 1 long before 20.
struct Mish {
    vf operator()(vf x) const {
        vf e = exp(min(splat(20.0f), x));
        vf n = e * (e + 2.0f);
        return x * (n / (n + 2.0f));
    }
};
struct MishGrad {
    vf operator()(vf dy, vf x) const {
        x = clamp(x, -150.0f, 20.0f);
        vf e = exp(x);
        vf n = e * (e + 2.0f);
        vf r = 1.0f / (n + 2.0f);
        return dy * (r * (n + x * 4.0f * e * (e + 1.0f) * r));
    }
};

struct Swiglu {
    vf operator()(vf gate, vf up) const { return gate / (exp(-gate) + 1.0f) * up; }
};
