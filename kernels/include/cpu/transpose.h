// Sixteen rows of sixteen 32-bit words, turned in registers.
#pragma once
#include <immintrin.h>

#include <cstdint>

#if defined(__AVX512F__)
// turned[i] is column i of the rows that lie `stride` words apart.
inline void transpose16(const int32_t *from, int64_t stride, __m512i (&turned)[16]) {
    __m512i a[16], b[16];
    for (int i = 0; i < 16; i++) a[i] = _mm512_loadu_si512(from + i * stride);
    for (int i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    for (int i = 0; i < 4; i++) {  // a[4 g + i], lane l: column 4 l + i of rows 4 g to 4 g + 3
        __m512i even = _mm512_shuffle_i32x4(a[i], a[4 + i], 0x88), odd = _mm512_shuffle_i32x4(a[i], a[4 + i], 0xdd);
        __m512i even2 = _mm512_shuffle_i32x4(a[8 + i], a[12 + i], 0x88);
        __m512i odd2 = _mm512_shuffle_i32x4(a[8 + i], a[12 + i], 0xdd);
        turned[i] = _mm512_shuffle_i32x4(even, even2, 0x88);
        turned[4 + i] = _mm512_shuffle_i32x4(odd, odd2, 0x88);
        turned[8 + i] = _mm512_shuffle_i32x4(even, even2, 0xdd);
        turned[12 + i] = _mm512_shuffle_i32x4(odd, odd2, 0xdd);
    }
}
#endif
