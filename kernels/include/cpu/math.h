// Functions of vectors of floats beside `exp`, which simd.h has: square root, hyperbolic tangent, normal
// distribution (error function), logistic function, exp(x) - 1, and log(1 + x) between 0 and 1.
//
// NaN gives NaN, infinities give the limits, and small arguments, subnormal ones too, keep their relative
// precision. The errors stated are the largest over all floats, with and without fused multiply-add.
//
// They are always inlined: the compiler calls what a file uses often, and a call loads all constants again.
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
[[gnu::always_inline]] inline vf tanh(vf x) {  // 5 ulp
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

// The probability that a normally distributed number lies between -x and x: erf(x / sqrt 2).
#if defined(__AVX512F__)
// A polynomial of degree 5 around the nearest of 16 points, fitted between its neighbours' middles; a row has one
// power's coefficients of all points, so that one permutation looks up those of 16 lanes. Around 0 it is odd. It
// ends where the function rounds to 1.
constexpr float NORMAL_STEP = 0.36328125f;  // between the points; has few bits, so that multiples of it are exact
alignas(64) static const float NORMAL[6][16] = {
    {0.0f, 0.283605188f, 0.532505989f, 0.724218011f, 0.853810966f, 0.930691898f,
     0.970719397f, 0.989008486f, 0.996342123f, 0.998922765f, 0.999719679f,
     0.999935627f, 0.999986947f, 0.999997675f, 0.999999642f, 1.0f},
    {0.797884583f, 0.746934354f, 0.612787008f, 0.440576583f, 0.277599066f, 0.153284878f,
     0.0741763264f, 0.0314569138f, 0.0116909994f, 0.00380778103f, 0.00108686881f,
     0.000271873752f, 5.95994934e-05f, 1.14499389e-05f, 1.92774405e-06f, 2.84431735e-07f},
    {0.0f, -0.135670483f, -0.22261025f, -0.240077958f, -0.201693609f, -0.139215469f,
     -0.0808419809f, -0.0399975143f, -0.0169884358f, -0.00622459408f, -0.00197400246f,
     -0.000543113449f, -0.000129866443f, -2.70234414e-05f, -4.89853937e-06f, -6.9017542e-06f},
    {-0.132979304f, -0.10805805f, -0.0482175648f, 0.0137849338f, 0.0514269732f, 0.0587418824f,
     0.0463736504f, 0.0286615193f, 0.0145093966f, 0.0061494885f, 0.00220940844f,
     0.000678201963f, 0.000178804083f, 4.06399995e-05f, 7.98515612e-06f, 1.35945299e-06f},
    {0.0f, 0.0321718045f, 0.0455553494f, 0.036107365f, 0.014977714f, -0.00333709316f,
     -0.0116859144f, -0.0115114516f, -0.00771450903f, -0.00400805986f, -0.00169314782f,
     -0.000595330028f, -0.000176596572f, -4.45762089e-05f, -9.63100319e-06f, 0.00014664093f},
    {0.01982986f, 0.0137621285f, 0.000606016256f, -0.00986197311f, -0.0119723883f, -0.00753738685f,
     -0.00184493931f, 0.00154431001f, 0.00228971266f, 0.00168463716f, 0.000891223841f,
     0.000370839378f, 0.000126020343f, 3.56784476e-05f, 8.51780533e-06f, 1.72172452e-06f},
};
[[gnu::always_inline]] inline vf normal_within(vf x) {  // 1.1 ulp
    const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number, kept in the low bits
    vf size = min(splat(5.62f), abs(x));
    vf point = size * (1 / NORMAL_STEP) + magic;
    vf d = size - (point - magic) * NORMAL_STEP;
    auto row = [point](int i) {
        return (vf)_mm512_permutexvar_ps((__m512i)point, _mm512_load_ps(NORMAL[i]));
    };
    vf y = row(5) * d + row(4);
    y = y * d + row(3);
    y = y * d + row(2);
    y = y * d + row(1);
    y = y * d + row(0);
    return bits<vf>(bits<vi>(y) | (bits<vi>(x) & int32_t(0x80000000)));
}
#else
// As `tanh`, because without a permutation of 16 lanes tables are slow.
[[gnu::always_inline]] inline vf normal_within(vf x) {  // 6 ulp
    x = clamp(x * 0.70710678118654752f, -4.1f, 4.1f);
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
#endif

[[gnu::always_inline]] inline vf sigmoid(vf x) {  // 2 ulp
    return 1.0f / (1.0f + exp(-x));
}

// Reduction as in `exp`; then 2^n (e^r - 1) + (2^n - 1), halved on the way because 2^128 is no float.
[[gnu::always_inline]] inline vf expm1(vf x) {  // 1.5 ulp
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
inline vf log1p_unit(vf x) {  // 1.3 ulp
    vf s = x / (x + 2.0f);
    vf z = s * s;
    vf a = z * 2.801202002e-01f + 2.800179709e-01f;
    a = a * z + 4.002152788e-01f;
    a = a * z + 6.666641627e-01f;
    return x - s * (x - z * a);
}

}  // namespace simd
