// Tiles of 64 bytes by 64 bytes of rows, turned within the registers, and bands of them; v3_registers.cpp says why.
#pragma once
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "kernel.h"
#include "parallel.h"

// ---- vectors of bytes: load pieces from rows, interleave within pieces, store

#if defined(__AVX512F__)
typedef __m512i vec;
static inline vec gather(const char *p, int64_t apart) {  // 16 bytes from each of four rows
    vec v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)p));
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(p + apart)), 1);
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(p + 2 * apart)), 2);
    return _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(p + 3 * apart)), 3);
}
#define LOW(BITS, a, b) _mm512_unpacklo_epi##BITS(a, b)
#define HIGH(BITS, a, b) _mm512_unpackhi_epi##BITS(a, b)
static inline void put(char *p, vec v) { _mm512_storeu_si512(p, v); }
static inline void put_past(char *p, vec v) { _mm512_stream_si512((__m512i *)p, v); }
#elif defined(__AVX2__)
typedef __m256i vec;
static inline vec gather(const char *p, int64_t apart) {
    vec v = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)p));
    return _mm256_inserti128_si256(v, _mm_loadu_si128((const __m128i *)(p + apart)), 1);
}
#define LOW(BITS, a, b) _mm256_unpacklo_epi##BITS(a, b)
#define HIGH(BITS, a, b) _mm256_unpackhi_epi##BITS(a, b)
static inline void put(char *p, vec v) { _mm256_storeu_si256((__m256i *)p, v); }
static inline void put_past(char *p, vec v) { _mm256_stream_si256((__m256i *)p, v); }
#else
typedef __m128i vec;
static inline vec gather(const char *p, int64_t) { return _mm_loadu_si128((const __m128i *)p); }
#define LOW(BITS, a, b) _mm_unpacklo_epi##BITS(a, b)
#define HIGH(BITS, a, b) _mm_unpackhi_epi##BITS(a, b)
static inline void put(char *p, vec v) { _mm_storeu_si128((__m128i *)p, v); }
static inline void put_past(char *p, vec v) { _mm_stream_si128((__m128i *)p, v); }
#endif

constexpr int PIECES = sizeof(vec) / 16;

template <int SIZE> static inline vec low(vec a, vec b) {
    if constexpr (SIZE == 1) return LOW(8, a, b);
    if constexpr (SIZE == 2) return LOW(16, a, b);
    if constexpr (SIZE == 4) return LOW(32, a, b);
    if constexpr (SIZE == 8) return LOW(64, a, b);
}
template <int SIZE> static inline vec high(vec a, vec b) {
    if constexpr (SIZE == 1) return HIGH(8, a, b);
    if constexpr (SIZE == 2) return HIGH(16, a, b);
    if constexpr (SIZE == 4) return HIGH(32, a, b);
    if constexpr (SIZE == 8) return HIGH(64, a, b);
}

// Turn E rows in each piece into E columns: interleave the lower half of the rows with the upper half, log2(E) times.
template <int SIZE, int E> static inline void turn(vec (&v)[E]) {
#pragma GCC unroll 4
    for (int round = 1; round < E; round *= 2) {
        vec t[E];
#pragma GCC unroll 16
        for (int i = 0; i < E / 2; i++) {
            t[2 * i] = low<SIZE>(v[i], v[i + E / 2]);
            t[2 * i + 1] = high<SIZE>(v[i], v[i + E / 2]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < E; i++) v[i] = t[i];
    }
}

// A tile of E * PIECES rows and E columns; E rows of a whole vector each come out.
template <class T, bool PAST> static inline void tile(const T *x, int64_t n, T *y, int64_t m) {
    constexpr int E = 16 / sizeof(T);
    vec v[E];
#pragma GCC unroll 16
    for (int i = 0; i < E; i++) v[i] = gather((const char *)(x + i * n), E * n * int64_t(sizeof(T)));
    turn<sizeof(T), E>(v);
#pragma GCC unroll 16
    for (int i = 0; i < E; i++)
        if (PAST)
            put_past((char *)(y + i * m), v[i]);
        else
            put((char *)(y + i * m), v[i]);
}

// Have fetched what the next tiles read, and where they write unless that goes past the caches: the rows lie too far
// apart for the processor to guess. Any address may be given.
template <class T, bool PAST> static inline void fetch_block(const T *x, int64_t n, const T *y, int64_t m) {
    for (int64_t r = 0; r < int64_t(sizeof(vec) / sizeof(T)); r++) __builtin_prefetch(x + r * n);
    if (!PAST)
        for (int64_t c = 0; c < int64_t(64 / sizeof(T)); c++) __builtin_prefetch(y + c * m);
}

// ---- a band of rows, tile after tile

constexpr int64_t BIG = 8 << 20;  // bytes: more than the caches of one core keep till it is read

template <class T> constexpr int64_t ROWS = sizeof(vec) / sizeof(T);  // of a tile
template <class T> constexpr int64_t COLUMNS = 16 / sizeof(T);

// Tiles of the rows from i on, in the columns from..to.
template <class T, bool PAST>
static inline void tiles(const T *x, T *y, int64_t m, int64_t n, int64_t i, int64_t from, int64_t to) {
    for (int64_t j = from; j < to; j += COLUMNS<T>) tile<T, PAST>(x + i * n + j, n, y + j * m + i, m);
}

// Rows top..bottom, tiles from `start` on; what is left at both ends is in tiles that overlap those.
template <class T, bool PAST>
static void band(const T *x, T *y, int64_t m, int64_t n, int64_t top, int64_t start, int64_t bottom) {
    constexpr int64_t LINE = 64 / sizeof(T);
    const bool tiled = bottom - top >= ROWS<T>;
    const int64_t whole_columns = tiled ? n / COLUMNS<T> * COLUMNS<T> : 0;
    for (int64_t left = 0; left < whole_columns; left += LINE) {
        int64_t right = std::min(left + LINE, whole_columns), i = start;
        for (; i + ROWS<T> <= bottom; i += ROWS<T>) {
            fetch_block<T, PAST>(x + i * n + left + LINE, n, y + (left + LINE) * m + i, m);
            tiles<T, PAST>(x, y, m, n, i, left, right);
        }
        if (start > top) tiles<T, false>(x, y, m, n, top, left, right);
        if (i < bottom) tiles<T, false>(x, y, m, n, bottom - ROWS<T>, left, right);
    }
    for (int64_t j = whole_columns; j < n; j++)
        for (int64_t i = top; i < bottom; i++) y[j * m + i] = x[i * n + j];
}

// Whether all rows of y lie alike in their cache lines.
template <class T> static inline bool alike(int64_t m) { return m * sizeof(T) % sizeof(vec) == 0; }

template <class T>
static int in_bands(const T *x, T *y, int64_t batch, int64_t m, int64_t n, int threads) {
    constexpr int64_t HIGH_BAND = 64;
    if (m <= 1 || n <= 1) {
        if (batch * m * n != 0) memcpy(y, x, size_t(batch) * size_t(m) * size_t(n) * sizeof(T));
        return OK;
    }
    // Where the rows lie alike, tiles begin where a line does.
    const int64_t lead = alike<T>(m) ? int64_t(-uintptr_t(y) % sizeof(vec) / sizeof(T)) : 0;
    const int64_t bands = std::max<int64_t>((m - lead + HIGH_BAND - 1) / HIGH_BAND, 1);
    const bool past = alike<T>(m) && batch * m * n * int64_t(sizeof(T)) >= BIG;
    parallel_for(batch * bands, (1 << 16) / (n * HIGH_BAND) + 1, threads, [=](int64_t begin, int64_t end) {
        for (int64_t each = begin; each < end; each++) {
            int64_t at = each / bands * m * n, start = lead + each % bands * HIGH_BAND;
            int64_t top = each % bands ? start : 0, bottom = std::min(start + HIGH_BAND, m);
            start = std::min(start, bottom);
            if (past)
                band<T, true>(x + at, y + at, m, n, top, start, bottom);
            else
                band<T, false>(x + at, y + at, m, n, top, start, bottom);
        }
        if (past) _mm_sfence();
    });
    return OK;
}
