// Vectors of floats, as wide as the level this file is compiled for has them, and their conversions.
//
// Written with the compiler's vector types, so that + - * / and comparisons are the usual operators, a
// comparison gives a mask of 0 and -1, and `mask ? a : b` selects per lane. Loads and stores take any alignment.
// bfloat16 and float16 are storage only: arithmetic is in float32.
#pragma once
#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "kernel.h"

namespace simd {

#if defined(__AVX512F__)
constexpr int W = 16;
#elif defined(__AVX2__)
constexpr int W = 8;
#else
constexpr int W = 4;
#endif

typedef float vf __attribute__((vector_size(W * 4)));
typedef int32_t vi __attribute__((vector_size(W * 4)));
typedef uint16_t vh __attribute__((vector_size(W * 2)));  // halves, as bits

struct bf16 {
    uint16_t bits;
};
typedef _Float16 f16;

inline vf splat(float x) { return x - vf{}; }
inline vi splat_int(int32_t x) { return x - vi{}; }

template <class To, class From>
inline To bits(From x) {
    static_assert(sizeof(To) == sizeof(From), "same size");
    To y;
    memcpy(&y, &x, sizeof y);
    return y;
}

// ---- one value

inline float widen(float x) { return x; }
inline float widen(bf16 x) { return bits<float>(uint32_t(x.bits) << 16); }
inline float widen(f16 x) { return float(x); }

template <class T>
inline T narrow(float x);
template <>
inline float narrow<float>(float x) {
    return x;
}
template <>
inline f16 narrow<f16>(float x) {
    return f16(x);
}
template <>
inline bf16 narrow<bf16>(float x) {  // to nearest, ties to even; a NaN stays one
    uint32_t u = bits<uint32_t>(x);
    if (x != x) return {uint16_t((u >> 16) | 0x40)};
    return {uint16_t((u + 0x7fff + ((u >> 16) & 1)) >> 16)};
}

// ---- W values

inline vf load(const float *p) {
    vf x;
    memcpy(&x, p, sizeof x);
    return x;
}
inline void store(float *p, vf x) { memcpy(p, &x, sizeof x); }

inline vf load(const bf16 *p) {
    vh h;
    memcpy(&h, p, sizeof h);
    return bits<vf>(__builtin_convertvector(h, vi) << 16);
}
inline void store(bf16 *p, vf x) {
    vi u = bits<vi>(x);
    vi odd = (u >> 16) & 1;  // an arithmetic shift: the upper half is cut off below
    vi rounded = (u + 0x7fff + odd) >> 16;
    vi quiet = (u >> 16) | 0x40;
    vi y = x == x ? rounded : quiet;
    vh h = __builtin_convertvector(y, vh);
    memcpy(p, &h, sizeof h);
}

inline vf load(const f16 *p) {
#if defined(__AVX512F__)
    return (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
#elif defined(__F16C__)
    return (vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
#else
    vf x;
    for (int i = 0; i < W; i++) x[i] = widen(p[i]);
    return x;
#endif
}
inline void store(f16 *p, vf x) {
#if defined(__AVX512F__)
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#elif defined(__F16C__)
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#else
    for (int i = 0; i < W; i++) p[i] = narrow<f16>(x[i]);
#endif
}

// x in the first n lanes, `fill` in the others.
inline vf only_first(int n, vf x, float fill) {
    vi lane;
    for (int i = 0; i < W; i++) lane[i] = i;
    return lane < n ? x : splat(fill);
}

// The first n elements (0 < n < W), `fill` in the other lanes; nothing behind p + n is touched.
template <class T>
inline vf load_some(const T *p, int n, float fill) {
    alignas(64) T whole[W] = {};
    memcpy(whole, p, n * sizeof(T));
    return only_first(n, load(whole), fill);
}
template <class T>
inline void store_some(T *p, int n, vf x) {
    alignas(64) T whole[W];
    store(whole, x);
    memcpy(p, whole, n * sizeof(T));
}
#if defined(__AVX512F__)
template <>
inline vf load_some<float>(const float *p, int n, float fill) {
    return (vf)_mm512_mask_loadu_ps(_mm512_set1_ps(fill), __mmask16((1u << n) - 1), p);
}
template <>
inline void store_some<float>(float *p, int n, vf x) {
    _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), (__m512)x);
}
#endif

// ---- arithmetic

// max and min: b where either is NaN. The one instruction for it, which the compiler does not find by itself.
#if defined(__AVX512F__)
inline vf max(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
inline vf min(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
#elif defined(__AVX2__)
inline vf max(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
inline vf min(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
#else
inline vf max(vf a, vf b) { return (vf)_mm_max_ps((__m128)a, (__m128)b); }
inline vf min(vf a, vf b) { return (vf)_mm_min_ps((__m128)a, (__m128)b); }
#endif

// The same, but NaN where either is one.
#if defined(__AVX512F__)
inline vf max_or_nan(vf a, vf b) {  // where b is a number, the larger one, or a if that is none; else b
    const __mmask16 number = _mm512_cmp_ps_mask((__m512)b, (__m512)b, _CMP_ORD_Q);
    return (vf)_mm512_mask_max_ps((__m512)b, number, (__m512)b, (__m512)a);
}
inline vf min_or_nan(vf a, vf b) {
    const __mmask16 number = _mm512_cmp_ps_mask((__m512)b, (__m512)b, _CMP_ORD_Q);
    return (vf)_mm512_mask_min_ps((__m512)b, number, (__m512)b, (__m512)a);
}
#else
inline vf max_or_nan(vf a, vf b) { return (b > a) | (b != b) ? b : a; }
inline vf min_or_nan(vf a, vf b) { return (b < a) | (b != b) ? b : a; }
#endif
// A product that is rounded by itself. Of two that are added, the compiler may fuse either with the addition, here
// one and there the other: the ends of an array would get other bits than its middle.
inline vf rounded(vf x) {
#if defined(__AVX__)
    asm("" : "+v"(x));
#else
    asm("" : "+x"(x));
#endif
    return x;
}

inline vf abs(vf x) { return bits<vf>(bits<vi>(x) & 0x7fffffff); }

inline float sum(vf x) {  // pairwise, always in the same order
    float s[W];
    memcpy(s, &x, sizeof s);
    for (int half = W / 2; half; half /= 2)
        for (int i = 0; i < half; i++) s[i] += s[i + half];
    return s[0];
}
inline float max_of(vf x) {
    float s[W];
    memcpy(s, &x, sizeof s);
    for (int half = W / 2; half; half /= 2)
        for (int i = 0; i < half; i++) s[i] = s[i] > s[i + half] ? s[i] : s[i + half];
    return s[0];
}

// e to the x: 1 ulp; 0 below -87.34 (no subnormal results), +inf above 88.73; NaN stays NaN.
// Reduction to |r| <= ln2/2, a polynomial of degree 6 or 7, and a power of two.
#if defined(__AVX512F__)
inline vf exp(vf x) {  // 13 instructions: scalef does the power of two and overflow, the mask underflow
    const __m512 magic = _mm512_set1_ps(12582912.0f), one = _mm512_set1_ps(1.0f);  // see below
    __m512 v = _mm512_min_ps(_mm512_set1_ps(89.0f), (__m512)x);  // a NaN passes, as the second operand
    __m512 n = _mm512_sub_ps(_mm512_fmadd_ps(v, _mm512_set1_ps(1.44269504088896341f), magic), magic);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693147182464599609375f), v);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-1.904654299957768e-9f), r);
    __m512 p = _mm512_set1_ps(1.3926400570e-3f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3633530885e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1666552424e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666576266e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
    p = _mm512_fmadd_ps(p, r, one);
    p = _mm512_fmadd_ps(p, r, one);
    __mmask16 kept = _mm512_cmp_ps_mask(v, _mm512_set1_ps(-87.336544f), _CMP_NLT_UQ);
    return (vf)_mm512_maskz_scalef_ps(kept, p, n);
}

// The same for x <= 0 or NaN, to 2 ulp, in 10 instructions: what softmax needs.
inline vf exp_below(vf x) {
    const __m512 magic = _mm512_set1_ps(12582912.0f), one = _mm512_set1_ps(1.0f), v = (__m512)x;
    __m512 n = _mm512_sub_ps(_mm512_fmadd_ps(v, _mm512_set1_ps(1.44269504088896341f), magic), magic);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693147182464599609375f), v);
    __m512 p = _mm512_set1_ps(8.2901446149e-3f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1898850352e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6667644680e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.9999141693e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.9999970198e-1f));
    p = _mm512_fmadd_ps(p, r, one);
    __mmask16 kept = _mm512_cmp_ps_mask(v, _mm512_set1_ps(-87.336544f), _CMP_NLT_UQ);
    return (vf)_mm512_maskz_scalef_ps(kept, p, n);
}
#else
inline vf exp(vf x) {
    const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number, kept in the low bits
    vf clamped = x < 88.8f ? x : splat(88.8f);
    vf shifted = clamped * 1.44269504088896341f + magic;
    vf n = shifted - magic;
    vf r = clamped - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    vf p = splat(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    vf y = p * (r * r) + r + 1.0f;
    vi half = (bits<vi>(shifted) - bits<vi>(splat(magic))) >> 1;  // two factors: 2^128 is no float
    vi rest = (bits<vi>(shifted) - bits<vi>(splat(magic))) - half;
    y = y * bits<vf>((half + 127) << 23) * bits<vf>((rest + 127) << 23);
    y = x < -87.336544f ? vf{} : y;
    y = x > 88.722839f ? splat(std::numeric_limits<float>::infinity()) : y;
    return x == x ? y : x;
}
inline vf exp_below(vf x) { return exp(x); }
#endif

}  // namespace simd
