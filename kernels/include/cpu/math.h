// Functions of vectors of floats beside `exp`, which simd.h has: square root, error function, hyperbolic tangent,
// logistic function, exp(x) - 1, and log(1 + x) between 0 and 1.
//
// NaN gives NaN, infinities give the limits, and small arguments, subnormal ones too, keep their relative
// precision. The errors stated are the largest over all floats, with and without fused multiply-add.
#pragma once
#include "simd.h"

namespace simd {

inline vf clamp(vf x, float low, float high) {  // NaN stays NaN
    return min(splat(high), max(splat(low), x));
}

#if defined(__AVX512F__)
inline vf sqrt(vf x) { return (vf)_mm512_sqrt_ps((__m512)x); }
#elif defined(__AVX2__)
inline vf sqrt(vf x) { return (vf)_mm256_sqrt_ps((__m256)x); }
#else
inline vf sqrt(vf x) { return (vf)_mm_sqrt_ps((__m128)x); }
#endif

// P(x^2) x / Q(x^2), fitted to the smallest largest relative error up to where the function rounds to 1. At the
// outer end the quotient exceeds 1 by more than it can be wrong, so that cutting it off at 1 gives 1 exactly.
inline vf tanh(vf x) {
    x = clamp(x, -9.7f, 9.7f);
    vf t = x * x;
    vf p = t * 1.331932165e-08f + 2.058370228e-05f;
    vf q = t * 7.762133691e-07f + 3.283116384e-04f;
    p = p * t + 3.494049655e-03f;
    q = q * t + 2.587113343e-02f;
    p = p * t + 1.337973177e-01f;
    q = q * t + 4.671304822e-01f;
    p = p * t + 1.0f;
    q = q * t + 1.0f;
    return clamp(x * p / q, -1.0f, 1.0f);
}

inline vf erf(vf x) {
    x = clamp(x, -4.1f, 4.1f);
    vf t = x * x;
    vf p = t * 3.724230737e-06f + 5.175230326e-04f;
    vf q = t * 6.919822772e-05f + 2.111873589e-03f;
    p = p * t + 6.840674207e-03f;
    q = q * t + 2.719370089e-02f;
    p = p * t + 9.582623839e-02f;
    q = q * t + 2.072966993e-01f;
    p = p * t + 3.459017873e-01f;
    q = q * t + 9.121019840e-01f;
    p = p * t + 2.049888849e+00f;
    q = q * t + 1.816666722e+00f;
    return clamp(x * p / q, -1.0f, 1.0f);
}

inline vf sigmoid(vf x) { return 1.0f / (1.0f + exp(-x)); }

// Reduction as in `exp`; then 2^n (e^r - 1) + (2^n - 1), halved on the way because 2^128 is no float.
inline vf expm1(vf x) {
    const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number, kept in the low bits
    x = clamp(x, -40.0f, 89.0f);
    vf shifted = x * 1.44269504088896341f + magic;
    vf n = shifted - magic;
    vf r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    vf p = splat(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    vf less = p * (r * r) + r;
    vf half = bits<vf>((bits<vi>(shifted) - bits<vi>(splat(magic)) + 126) << 23);
    return (half * less + (half - 0.5f)) * 2.0f;
}

// log(1 + x) for 0 <= x <= 1: twice the inverse hyperbolic tangent of s = x / (2 + x), whose first term 2 s is
// written x - x s so that the rounding of the division counts for less.
inline vf log1p_unit(vf x) {
    vf s = x / (x + 2.0f);
    vf z = s * s;
    vf a = z * 2.801202002e-01f + 2.800179709e-01f;
    a = a * z + 4.002152788e-01f;
    a = a * z + 6.666641627e-01f;
    return x - s * (x - z * a);
}

}  // namespace simd
