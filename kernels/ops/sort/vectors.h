// Vectors of the dtypes that are sorted by comparing, as wide as AVX-512 has them.
#pragma once
#include <immintrin.h>

#include <cstdint>
#include <cstring>
#include <limits>

#define INLINE inline __attribute__((always_inline))

// ---- vectors of the three dtypes

typedef float f32x16 __attribute__((vector_size(64)));
typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef int64_t i64x8 __attribute__((vector_size(64)));

template <class T> struct Vector;
template <> struct Vector<float> {
    typedef f32x16 type;
    typedef i32x16 index;
    static constexpr float last = std::numeric_limits<float>::infinity();
    static INLINE type splat(float x) { return (type)_mm512_set1_ps(x); }
    // The second operand where both are zeros, so that the two together keep both zeros' signs.
    static INLINE type min(type a, type b) { return (type)_mm512_min_ps((__m512)a, (__m512)b); }
    static INLINE type max(type a, type b) { return (type)_mm512_max_ps((__m512)b, (__m512)a); }
    static INLINE type max_at(unsigned m, type rest, type a, type b) {
        return (type)_mm512_mask_max_ps((__m512)rest, __mmask16(m), (__m512)a, (__m512)b);
    }
    static INLINE unsigned below(type a, type p) {
        return _cvtmask16_u32(_mm512_cmp_ps_mask((__m512)a, (__m512)p, _CMP_LT_OQ));
    }
    static INLINE unsigned up_to(type a, type p) {
        return _cvtmask16_u32(_mm512_cmp_ps_mask((__m512)a, (__m512)p, _CMP_LE_OQ));
    }
    static INLINE unsigned nans(type a) {
        return _cvtmask16_u32(_mm512_cmp_ps_mask((__m512)a, (__m512)a, _CMP_UNORD_Q));
    }
    static INLINE type compress(unsigned m, type a) { return (type)_mm512_maskz_compress_ps(__mmask16(m), (__m512)a); }
    static INLINE type load_some(unsigned m, const float *p) {
        return (type)_mm512_mask_loadu_ps(_mm512_set1_ps(last), __mmask16(m), p);
    }
    static INLINE void store_some(unsigned m, float *p, type a) { _mm512_mask_storeu_ps(p, __mmask16(m), (__m512)a); }
};
template <> struct Vector<int32_t> {
    typedef i32x16 type;
    typedef i32x16 index;
    static constexpr int32_t last = std::numeric_limits<int32_t>::max();
    static INLINE type splat(int32_t x) { return (type)_mm512_set1_epi32(x); }
    static INLINE type min(type a, type b) { return (type)_mm512_min_epi32((__m512i)a, (__m512i)b); }
    static INLINE type max(type a, type b) { return (type)_mm512_max_epi32((__m512i)a, (__m512i)b); }
    static INLINE type max_at(unsigned m, type rest, type a, type b) {
        return (type)_mm512_mask_max_epi32((__m512i)rest, __mmask16(m), (__m512i)a, (__m512i)b);
    }
    static INLINE unsigned below(type a, type p) {
        return _cvtmask16_u32(_mm512_cmplt_epi32_mask((__m512i)a, (__m512i)p));
    }
    static INLINE unsigned up_to(type a, type p) {
        return _cvtmask16_u32(_mm512_cmple_epi32_mask((__m512i)a, (__m512i)p));
    }
    static INLINE unsigned nans(type) { return 0; }
    static INLINE type compress(unsigned m, type a) {
        return (type)_mm512_maskz_compress_epi32(__mmask16(m), (__m512i)a);
    }
    static INLINE type load_some(unsigned m, const int32_t *p) {
        return (type)_mm512_mask_loadu_epi32(_mm512_set1_epi32(last), __mmask16(m), p);
    }
    static INLINE void store_some(unsigned m, int32_t *p, type a) {
        _mm512_mask_storeu_epi32(p, __mmask16(m), (__m512i)a);
    }
};
template <> struct Vector<int64_t> {
    typedef i64x8 type;
    typedef i64x8 index;
    static constexpr int64_t last = std::numeric_limits<int64_t>::max();
    static INLINE type splat(int64_t x) { return (type)_mm512_set1_epi64(x); }
    static INLINE type min(type a, type b) { return (type)_mm512_min_epi64((__m512i)a, (__m512i)b); }
    static INLINE type max(type a, type b) { return (type)_mm512_max_epi64((__m512i)a, (__m512i)b); }
    static INLINE type max_at(unsigned m, type rest, type a, type b) {
        return (type)_mm512_mask_max_epi64((__m512i)rest, __mmask8(m), (__m512i)a, (__m512i)b);
    }
    static INLINE unsigned below(type a, type p) {
        return _cvtmask8_u32(_mm512_cmplt_epi64_mask((__m512i)a, (__m512i)p));
    }
    static INLINE unsigned up_to(type a, type p) {
        return _cvtmask8_u32(_mm512_cmple_epi64_mask((__m512i)a, (__m512i)p));
    }
    static INLINE unsigned nans(type) { return 0; }
    static INLINE type compress(unsigned m, type a) {
        return (type)_mm512_maskz_compress_epi64(__mmask8(m), (__m512i)a);
    }
    static INLINE type load_some(unsigned m, const int64_t *p) {
        return (type)_mm512_mask_loadu_epi64(_mm512_set1_epi64(last), __mmask8(m), p);
    }
    static INLINE void store_some(unsigned m, int64_t *p, type a) {
        _mm512_mask_storeu_epi64(p, __mmask8(m), (__m512i)a);
    }
};

template <class T> constexpr int LANES = 64 / sizeof(T);
template <class T> constexpr unsigned ALL = (1u << LANES<T>)-1;
template <class T> using V = typename Vector<T>::type;

template <class T> INLINE V<T> load(const T *p) {
    V<T> v;
    memcpy(&v, p, sizeof v);
    return v;
}
template <class T> INLINE void store(T *p, V<T> v) { memcpy(p, &v, sizeof v); }
template <class T> INLINE unsigned first(int64_t n) {  // a mask of n lanes, of all if n is larger
    return n >= LANES<T> ? ALL<T> : n > 0 ? (1u << n) - 1 : 0;
}
