// Decoded a kilobyte at a time into the nearest cache, and from there to memory in whole lines (stream.h).
// Learned: beside sixteen look-ups per vector, writing is the rest of the time: half of it is saved where lines are
// written whole, past the caches, and none is straddled.
#include "codes8.h"
#include "parallel.h"
#include "stream.h"

using namespace codes8;

template <class T>
static void decode(const uint8_t *codes, int64_t n, const float *values, float scale, T *y) {
    int64_t i = 0;
    for (; i + W <= n; i += W) store(y + i, bits<vf>(gather((const int32_t *)values, load_codes(codes + i))) * scale);
    for (; i < n; i++) y[i] = narrow<T>(values[codes[i]] * scale);
}

template <class T>
static int dequantize(const uint8_t *codes, const float *scales, const float *values, T *y, int64_t n, int64_t blocks,
                      int64_t blocksize, int threads) {
    const int64_t piece = blocksize < Stream<T>::ROOM ? blocksize : Stream<T>::ROOM;
    parallel_for(blocks, 16384 / blocksize + 1, threads, [=](int64_t begin, int64_t end) {
        int64_t from = begin * blocksize, to = end * blocksize < n ? end * blocksize : n;
        Stream<T> stream(y + from, n * sizeof(T));
        for (int64_t i = from; i < to; i += piece) {
            int64_t count = to - i < piece ? to - i : piece;
            decode(codes + i, count, values, scales[i / blocksize], stream.next());
            stream.put(count);
        }
        stream.finish();
    });
    return OK;
}

#define DEFINE(T, NAME)                                                                                             \
    KERNEL dequantize_blockwise_v3_stream_##NAME(const uint8_t *codes, const float *absmax, const float *map, T *y, \
                                                 int64_t n, int64_t blocks, int64_t blocksize, int threads) {       \
        return dequantize(codes, absmax, map, y, n, blocks, blocksize, threads);                                    \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
