// Decoded a kilobyte at a time into the nearest cache, and from there to memory in whole lines (stream.h).
// Learned: decoding takes a quarter of the time; the rest is writing. Lines that are written whole and past the caches
// need not be read before, and no store may straddle two of them.
#include "nibbles.h"
#include "parallel.h"
#include "stream.h"

template <class T>
static int dequantize(const uint8_t *packed, const float *values, const Scales &scales, T *y, int64_t n,
                      int64_t blocksize, int threads) {
    int64_t blocks = (n + blocksize - 1) / blocksize;
    parallel_for(blocks, 16384 / blocksize + 1, threads, [=](int64_t begin, int64_t end) {
        Table table(values);
        int64_t from = begin * blocksize, to = end * blocksize < n ? end * blocksize : n;
        Stream<T> stream(y + from, n * sizeof(T));
        for (int64_t i = from; i < to; i += Stream<T>::ROOM) {
            int64_t next = to - i < Stream<T>::ROOM ? to : i + Stream<T>::ROOM;
            decode(packed, values, table, scales, blocksize, i, next, stream.next());
            stream.put(next - i);
        }
        stream.finish();
    });
    return OK;
}

#define DEFINE(T, NAME)                                                                                           \
    KERNEL dequantize_4bit_v3_stream_##NAME(const uint8_t *packed, const float *values, const float *absmax,      \
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
