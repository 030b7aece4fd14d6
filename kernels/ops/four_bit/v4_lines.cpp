// Each line of y is decoded in one register and written at once, past the caches where there is much.
// Learned: 16 or 32 codes are brought to their lanes by three instructions: the bytes are loaded into every quarter of
// the register, a shuffle gives each lane its own, and a shift per lane drops what is not its half. A line that two
// blocks share is looked up in both of their tables. What is left is writing: 4096x4096 takes 1.1 times what storing
// zeros takes, in float32 (4.3 ms; through a buffer, v3, 4.5) as in 16 bits (2.3 ms; 2.6).
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

template <bool FAR>
static inline void put_line(void *to, __m512i line) {
    FAR ? _mm512_stream_si512((__m512i *)to, line) : _mm512_store_si512(to, line);
}

// Elements from..to of y in whole lines, of which the first begins at `from`, which is even; how far it came.
template <bool FAR, class T>
static int64_t lines(const uint8_t *packed, const Table &table, const Scales &scales, T *y, int64_t from, int64_t to,
                     int64_t blocksize) {
    constexpr int64_t COUNT = Codes<T>::COUNT;
    const int shift = __builtin_ctzll(uint64_t(blocksize));
    const Codes<T> codes;
    int64_t i = from, block = from >> shift;
    __m512i values = scaled<T>(table, scales[block]);
    while (i + COUNT <= to) {
        const int64_t end = (block + 1) << shift;
        __builtin_prefetch(packed + i / 2 + 2048);
        for (; i + COUNT <= end && i + COUNT <= to; i += COUNT)
            put_line<FAR>(y + i, look_up<T>(codes[packed + i / 2], values));
        if (end >= to) break;
        const __m512i next = scaled<T>(table, scales[++block]);
        if (i < end && i + COUNT <= to) {
            const __m512i shared = codes[packed + i / 2];
            put_line<FAR>(y + i, look_up<T>(look_up<T>(shared, values), ~0u << (end - i), shared, next));
            i += COUNT;
        }
        values = next;
    }
    return i;
}

template <class T>
static int dequantize(const uint8_t *packed, const float *values, const Scales &scales, T *y, int64_t n,
                      int64_t blocksize, int threads) {
    const int64_t before = -int64_t((uintptr_t)y / sizeof(T)) & (Codes<T>::COUNT - 1);
    if (before % 2) return streamed(packed, values, scales, y, n, blocksize, threads);  // lines begin within a byte
    const bool far = n * int64_t(sizeof(T)) > FAR_BYTES;
    const int64_t blocks = (n + blocksize - 1) / blocksize;
    parallel_for(blocks, 16384 / blocksize + 1, threads, [=](int64_t begin, int64_t end) {
        const Table table(values);
        const int64_t from = begin * blocksize, to = std::min(end * blocksize, n);
        int64_t i = std::min(from + (-int64_t((uintptr_t)(y + from) / sizeof(T)) & (Codes<T>::COUNT - 1)), to);
        decode(packed, values, table, scales, blocksize, from, i, y + from);
        if (i < to)
            i = far ? lines<true>(packed, table, scales, y, i, to, blocksize)
                    : lines<false>(packed, table, scales, y, i, to, blocksize);
        decode(packed, values, table, scales, blocksize, i, to, y + i);
        if (far) _mm_sfence();
    });
    return OK;
}

#define DEFINE(T, NAME)                                                                                           \
    KERNEL dequantize_4bit_v4_lines_##NAME(const uint8_t *packed, const float *values, const float *absmax,      \
                                            const uint8_t *absmax8, const float *nested, const float *nested_map, \
                                            T *y, int64_t bytes, int64_t blocks, int64_t groups, int64_t rows,    \
                                            int64_t columns, int64_t blocksize, int64_t group, double offset,     \
                                            int threads) {                                                        \
        (void)bytes, (void)blocks, (void)groups;                                                                  \
        Scales scales{absmax, absmax8, nested, nested_map, group, float(offset)};                                 \
        return dequantize(packed, values, scales, y, rows * columns, blocksize, threads);                         \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
