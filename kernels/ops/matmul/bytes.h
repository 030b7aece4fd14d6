// Products of int8: as pairs of int16, or four at once where the processor can (VNNI).
#pragma once
#include "vectors.h"

namespace gemm {

struct Dot {  // int32 from words of int16 or int8
    typedef int32_t Acc;
    typedef vi V;
    static vi all(const int32_t *p) { return splat_int(*p); }
#if defined(__AVX512VNNI__)
    static constexpr int MORE = 1;
    static vi step(vi c, vi a, vi b) { return (vi)_mm512_dpbusd_epi32((__m512i)c, (__m512i)a, (__m512i)b); }
    static vi start(const int32_t *more) { return raw<vi>(more); }
#else
    static constexpr int MORE = 0;
    static vi start(const int32_t *) { return vi{}; }
#if defined(__AVX512BW__)
    static vi step(vi c, vi a, vi b) { return c + (vi)_mm512_madd_epi16((__m512i)a, (__m512i)b); }
#elif defined(__AVX2__)
    static vi step(vi c, vi a, vi b) { return c + (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b); }
#else
    static vi step(vi c, vi a, vi b) { return c + (vi)_mm_madd_epi16((__m128i)a, (__m128i)b); }
#endif
#endif
};

#if defined(__AVX512VNNI__)
struct IntEngine {
    typedef Vector<Dot> Kernel;
    // The rows' int8 have 128 added, so each sum starts from -128 times the sum of its column.
    static Panel columns(const Lines &s, int64_t line, int lanes, int64_t depth, int64_t words, int32_t *to) {
        for (int v = 0; v < lanes; v += W) {
            pack_across<Fours<false>, Kernel::NR>(s, line + v, W, depth, words, to + v);
            vi sum = vi{};
            for (int64_t w = 0; w < words; w++)
                sum = Dot::step(sum, splat_int(int(0x80808080)), raw<vi>(to + w * Kernel::NR + v));
            sum = -sum;
            memcpy(to + words * Kernel::NR + v, &sum, sizeof sum);
        }
        return {to, 1, Kernel::NR};
    }
    static constexpr Pack ROWS = pack_along<Fours<true>>, COLUMNS = columns;
    static constexpr int PER_WORD = 4;
};
#else
struct IntEngine {
    typedef Vector<Dot> Kernel;
    static constexpr Pack ROWS = pack_along<Pairs>, COLUMNS = pack_across<Pairs, Kernel::NR>;
    static constexpr int PER_WORD = 2;
};
#endif

}  // namespace gemm
