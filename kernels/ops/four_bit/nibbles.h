// Packed 4-bit codes, two per byte with the first in the upper half, and the scales of their blocks.
#pragma once
#include <cstdlib>
#include <memory>
#include <type_traits>

#include "codes8.h"

using namespace simd;

// One scale per block: as it is, or itself in 8 bits with an offset and a scale per `group` of them.
struct Scales {
    const float *absmax;
    const uint8_t *codes;
    const float *nested, *map;
    int64_t group;
    float offset;
    int shift = group > 0 && !(group & (group - 1)) ? __builtin_ctzll(uint64_t(group)) : -1;

    float operator[](int64_t block) const {
        if (absmax) return absmax[block];
        float product = map[codes[block]] * nested[shift >= 0 ? block >> shift : block / group];
        asm("" : "+x"(product));  // rounded here: every level is to give the same bits, with or without fused adds
        return product + offset;
    }
};

// ---- looking up 16 values

#if defined(__AVX512F__)
struct Table {
    __m512 values;
    explicit Table(const float *p) : values(_mm512_loadu_ps(p)) {}
    Table(const Table &plain, float scale) : values(_mm512_mul_ps(plain.values, _mm512_set1_ps(scale))) {}
    // Of an index, the low four bits count.
    vf operator[](vi index) const { return (vf)_mm512_permutexvar_ps((__m512i)index, values); }
};
#elif defined(__AVX2__)
struct Table {
    __m256 low, high;
    explicit Table(const float *p) : low(_mm256_loadu_ps(p)), high(_mm256_loadu_ps(p + 8)) {}
    Table(const Table &plain, float scale)
        : low(_mm256_mul_ps(plain.low, _mm256_set1_ps(scale))),
          high(_mm256_mul_ps(plain.high, _mm256_set1_ps(scale))) {}
    vf operator[](vi index) const {
        __m256i i = (__m256i)index;
        return (vf)_mm256_blendv_ps(_mm256_permutevar8x32_ps(low, i), _mm256_permutevar8x32_ps(high, i),
                                    _mm256_castsi256_ps(_mm256_slli_epi32(i, 28)));
    }
};
#else
struct Table {
    float values[16];
    explicit Table(const float *p) { memcpy(values, p, sizeof values); }
    Table(const Table &plain, float scale) {
        for (int i = 0; i < 16; i++) values[i] = plain.values[i] * scale;
    }
    vf operator[](vi index) const {
        vf found;
        for (int i = 0; i < W; i++) found[i] = values[index[i] & 15];
        return found;
    }
};
#endif

typedef int64_t vq __attribute__((vector_size(W * 4)));
typedef uint8_t vqb __attribute__((vector_size(W / 2)));

// The next W codes, in order, of W / 2 bytes; garbage above their low four bits.
inline vi unpack(const uint8_t *p) {
#if defined(__AVX512F__)
    vq pairs = (vq)_mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)p));
#elif defined(__AVX2__)
    vq pairs = (vq)_mm256_cvtepu8_epi64(_mm_loadu_si32(p));
#else
    vqb bytes;
    memcpy(&bytes, p, sizeof bytes);
    vq pairs = __builtin_convertvector(bytes, vq);
#endif
    return (vi)((pairs >> 4) | (pairs << 32));
}

// W codes to W / 2 bytes.
inline void pack(uint8_t *p, vi codes) {
    vq pairs = (vq)codes;
    pairs = (pairs << 4) | (pairs >> 32);
#if defined(__AVX512F__)
    _mm_storel_epi64((__m128i *)p, _mm512_cvtepi64_epi8((__m512i)pairs));
#else
    vqb bytes = __builtin_convertvector(pairs, vqb);
    memcpy(p, &bytes, sizeof bytes);
#endif
}

inline int code_at(const uint8_t *packed, int64_t i) {
    return i & 1 ? packed[i >> 1] & 15 : packed[i >> 1] >> 4;
}

// ---- decoding

#if defined(__AVX512BW__)
// Sixteen numbers in 16 bits, without the way through memory that `store` takes: it costs more than a block of 64.
template <class T>
inline __m256i narrowed(__m512 x) {
    if constexpr (std::is_same_v<T, f16>) return _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512i u = (__m512i)x, odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), odd);
    __m512i quiet = _mm512_or_si512(u, _mm512_set1_epi32(0x400000));
    __mmask16 number = _mm512_cmp_ps_mask(x, x, _CMP_ORD_Q);
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_mask_mov_epi32(quiet, number, rounded), 16));
}
#endif

// Codes from even `i` on, as values * scale, into y; how many were done: all but those that fill no vector.
template <class T>
inline int64_t decode_run(const uint8_t *p, int64_t count, const Table &values, float scale, T *y) {
    Table scaled(values, scale);
    int64_t i = 0;
#if defined(__AVX512BW__)
    if constexpr (sizeof(T) == 2) {  // the sixteen products are rounded once, and looked up 32 at a time
        __m512i table = _mm512_broadcast_i64x4(narrowed<T>(scaled.values));
        for (; i + 32 <= count; i += 32) {
            __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(p + i / 2)));
            __m512i index = _mm512_or_si512(_mm512_srli_epi32(bytes, 4), _mm512_slli_epi32(bytes, 16));
            _mm512_storeu_si512(y + i, _mm512_permutexvar_epi16(index, table));
        }
    }
#endif
    for (; i + W <= count; i += W) store(y + i, scaled[unpack(p + i / 2)]);
    return i;
}

// Elements [from, to) of the flat array.
template <class T>
inline void decode(const uint8_t *packed, const float *plain, const Table &values, const Scales &scales,
                   int64_t blocksize, int64_t from, int64_t to, T *y) {
    const int shift = __builtin_ctzll(uint64_t(blocksize));  // a division takes longer than a block
    for (int64_t i = from; i < to;) {
        int64_t block = i >> shift, end = (block + 1) << shift;
        if (end > to) end = to;
        float scale = scales[block];
        if (i & 1) {
            y[i - from] = narrow<T>(plain[code_at(packed, i)] * scale);
            i++;
        }
        i += decode_run(packed + i / 2, end - i, values, scale, y + (i - from));
        for (; i < end; i++) y[i - from] = narrow<T>(plain[code_at(packed, i)] * scale);
    }
}

struct Free {
    void operator()(void *p) const { free(p); }
};
template <class T>
using Scratch = std::unique_ptr<T[], Free>;

// Uninitialised, on a cache line; empty if there is no memory.
template <class T>
inline Scratch<T> scratch(int64_t count) {
    return Scratch<T>((T *)aligned_alloc(64, (size_t(count) * sizeof(T) + 63) / 64 * 64 + 64));
}
