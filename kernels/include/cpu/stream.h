// Writing an array from its beginning on, in whole lines of the cache, through a buffer of a kilobyte.
//
// A vector that straddles two lines costs two accesses, and NumPy's large arrays begin 16 bytes into a line; the
// buffer takes up the difference. An array that is much larger than a core's own caches is written past them: the
// processor need not read what is overwritten whole, which is half of the traffic (16M floats: 10.5 to 5.1 ms, where
// storing zeros takes 4.5). What is smaller stays in the caches for whoever reads it next.
#pragma once
#include "simd.h"

namespace simd {

constexpr int64_t LINE_BYTES = 64, FAR_BYTES = 4 << 20;

inline void store_line(void *to, const void *from, bool far) {
#if defined(__AVX512F__)
    __m512i x = _mm512_loadu_si512(from);
    if (far)
        _mm512_stream_si512((__m512i *)to, x);
    else
        _mm512_store_si512(to, x);
#else
    for (int i = 0; i < 4; i++) {
        __m128i x = _mm_loadu_si128((const __m128i *)from + i);
        if (far)
            _mm_stream_si128((__m128i *)to + i, x);
        else
            _mm_store_si128((__m128i *)to + i, x);
    }
#endif
}

// Put up to ROOM elements to `next()`, say how many by `put`, and so on; then `finish`.
template <class T>
class Stream {
public:
    static constexpr int64_t LINE = LINE_BYTES / sizeof(T), ROOM = 1024 / sizeof(T);

    // `bytes`: of the whole array, of which this may write a part.
    Stream(T *to, int64_t bytes) : to(to), far(bytes > FAR_BYTES) {}

    T *next() { return held + LINE; }

    void put(int64_t n) {
        const T *from = held + LINE - rest;
        int64_t count = n + rest, i = -int64_t((uintptr_t)to / sizeof(T)) & (LINE - 1);
        if (i > count) i = count;
        memcpy(to, from, i * sizeof(T));
        for (; i + LINE <= count; i += LINE) store_line(to + i, from + i, far);
        to += i;
        rest = count - i;
        memmove(held, held + n, LINE_BYTES);  // the last line: `rest` elements of it are still to be written
    }

    void finish() {
        memcpy(to, held + LINE - rest, rest * sizeof(T));
        if (far) _mm_sfence();
    }

private:
    alignas(64) T held[LINE + ROOM];
    T *to;
    int64_t rest = 0;
    bool far;
};

}  // namespace simd
