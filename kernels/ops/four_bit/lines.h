// Lines of y decoded in one register each: v4_lines.cpp.
#pragma once
#include <algorithm>

#include "streamed.h"

// The codes of a line of y, each in a lane of the width of T; garbage above their low four bits.
template <class T>
class Codes {
public:
    static constexpr int64_t COUNT = 64 / sizeof(T);

    Codes() {
        alignas(64) uint8_t from[64];
        alignas(64) T by[COUNT];
        memset(from, 0x80, sizeof from);  // zero
        memset(by, 0, sizeof by);
        for (int64_t lane = 0; lane < COUNT; lane++) {
            from[lane * int64_t(sizeof(T))] = uint8_t(lane / 2);
            if (lane % 2 == 0) memset(&by[lane], 4, 1);
        }
        bytes = _mm512_load_si512(from);
        shifts = _mm512_load_si512(by);
    }

    __m512i operator[](const uint8_t *packed) const {
        if constexpr (sizeof(T) == 4) {
            __m512i all = _mm512_broadcast_i32x4(_mm_loadl_epi64((const __m128i *)packed));
            return _mm512_srlv_epi32(_mm512_shuffle_epi8(all, bytes), shifts);
        }
        __m512i all = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)packed));
        return _mm512_srlv_epi16(_mm512_shuffle_epi8(all, bytes), shifts);
    }

private:
    __m512i bytes, shifts;
};

// The sixteen values of a block; in 16 bits twice.
template <class T>
static inline __m512i scaled(const Table &table, float scale) {
    const __m512 values = Table(table, scale).values;
    if constexpr (sizeof(T) == 4) return (__m512i)values;
    return _mm512_broadcast_i64x4(narrowed<T>(values));
}

// `kept` in the lanes whose bit is not set.
template <class T>
static inline __m512i look_up(__m512i kept, uint32_t lanes, __m512i codes, __m512i values) {
    if constexpr (sizeof(T) == 4) return _mm512_mask_permutexvar_epi32(kept, __mmask16(lanes), codes, values);
    return _mm512_mask_permutexvar_epi16(kept, lanes, codes, values);
}
template <class T>
static inline __m512i look_up(__m512i codes, __m512i values) {
    if constexpr (sizeof(T) == 4) return _mm512_permutexvar_epi32(codes, values);
    return _mm512_permutexvar_epi16(codes, values);
}

// Into the caches; past them; into the caches, and have fetched what is written AHEAD bytes further on.
enum class Way { NEAR, PAST, FETCHED };
constexpr int64_t AHEAD = 16384;

template <Way WAY>
static inline void put_line(void *to, __m512i line) {
    if (WAY == Way::FETCHED) __builtin_prefetch((char *)to + AHEAD, 1);
    WAY == Way::PAST ? _mm512_stream_si512((__m512i *)to, line) : _mm512_store_si512(to, line);
}

// Decoding into y in whole lines.
template <class T>
class Lines {
public:
    static constexpr int64_t COUNT = Codes<T>::COUNT;  // elements of a line

    Lines(const uint8_t *packed, const Table &table, const Scales &scales, T *y, int64_t blocksize)
        : packed(packed), y(y), scales(scales), table(table), shift(__builtin_ctzll(uint64_t(blocksize))) {}

    // Those of the elements from..to, of which the first begins at `from`, which is even; how far it came.
    template <Way WAY>
    __attribute__((always_inline)) int64_t write(int64_t from, int64_t to) const {
        int64_t i = from, block = from >> shift;
        __m512i values = scaled<T>(table, scales[block]);
        while (i + COUNT <= to) {
            const int64_t end = (block + 1) << shift;
            __builtin_prefetch(packed + i / 2 + 2048);
            for (; i + COUNT <= end && i + COUNT <= to; i += COUNT)
                put_line<WAY>(y + i, look_up<T>(codes[packed + i / 2], values));
            if (end >= to) break;
            const __m512i next = scaled<T>(table, scales[++block]);
            if (i < end && i + COUNT <= to) {
                const __m512i shared = codes[packed + i / 2];
                put_line<WAY>(y + i, look_up<T>(look_up<T>(shared, values), ~0u << (end - i), shared, next));
                i += COUNT;
            }
            values = next;
        }
        return i;
    }

private:
    const uint8_t *packed;
    T *y;
    const Scales scales;
    const Table table;
    const int shift;
    const Codes<T> codes;
};
