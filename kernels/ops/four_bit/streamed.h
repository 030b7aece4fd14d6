// Decoding a kilobyte at a time into the nearest cache, and from there to memory in whole lines: v3_stream.cpp.
#pragma once
#include "nibbles.h"
#include "parallel.h"
#include "stream.h"

template <class T>
static int streamed(const uint8_t *packed, const float *values, const Scales &scales, T *y, int64_t n,
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
