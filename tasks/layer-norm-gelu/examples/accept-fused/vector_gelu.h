// GELU(z) = z P(Z <= z) without branches, calls or tables, so that a loop around it becomes vector code.
//
// With t = 1 / (1 + p |u|) and u = z / sqrt 2, Abramowitz and Stegun 7.1.26 gives
//     erfc(|u|) = (a1 t + ... + a5 t^5) exp(-u^2), absolute error below 1.5e-7.
#pragma once
#include <cstdint>
#include <cstring>

static inline float fma_(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

// exp(x) for x <= 0: x = n ln 2 + r; a polynomial for exp(r), the exponent field for 2^n.
static inline float vector_exp(float x)
{
    const float rounder = 12582912.0f; // 1.5 * 2^23 rounds to an integer in the low bits
    x = x < -87.0f ? -87.0f : x;
    const float shifted = fma_(x, 1.44269504f, rounder);
    const float n = shifted - rounder;
    float r = fma_(n, -0.693145752f, x);
    r = fma_(n, -1.42860677e-6f, r);
    float p = 1.0f / 720.0f;
    p = fma_(p, r, 1.0f / 120.0f);
    p = fma_(p, r, 1.0f / 24.0f);
    p = fma_(p, r, 1.0f / 6.0f);
    p = fma_(p, r, 0.5f);
    p = fma_(p, r, 1.0f);
    p = fma_(p, r, 1.0f);
    std::uint32_t bits, result;
    std::memcpy(&bits, &shifted, sizeof bits);
    std::memcpy(&result, &p, sizeof result);
    result += bits << 23;
    std::memcpy(&p, &result, sizeof p);
    return p;
}

static inline float vector_gelu(float z)
{
    const float u = __builtin_fabsf(z) * 0.70710678f;
    const float t = 1.0f / fma_(0.3275911f, u, 1.0f);
    float a = 1.061405429f;
    a = fma_(a, t, -1.453152027f);
    a = fma_(a, t, 1.421413741f);
    a = fma_(a, t, -0.284496736f);
    a = fma_(a, t, 0.254829592f);
    const float tail = 0.5f * a * t * vector_exp(-u * u); // P(Z > |z|)
    return z * (z < 0.0f ? tail : 1.0f - tail);
}
