// A loop over the elements [from, to) of arrays in whole vectors, with shorter ones at both ends.
//
// The first one ends where the array that is written becomes aligned: a vector that straddles two cache lines
// costs two accesses, and NumPy's large arrays begin 16 bytes into a line (relu: 10 % of its time). Lines that are
// needed 2 KiB later are fetched meanwhile: what is written (stores wait for lines that nothing has read: 3 to 12 %),
// and by the callers what is read, where there is so much arithmetic that the processor does not look far enough
// ahead by itself (gelu: 15 to 30 %). FAR: `whole` writes past the caches, so that what it writes is not fetched.
#pragma once
#include "fetch.h"
#include "simd.h"

template <bool FAR = false, class T, class Whole, class Some>
inline void sweep(const T *written, int64_t from, int64_t to, Whole whole, Some some) {
    constexpr int64_t W = simd::W;
    int64_t i = from;
    int64_t before = -int64_t((uintptr_t)(written + from) / sizeof(T)) & (W - 1);
    if (before && before < to - from) {
        some(i, int(before));
        i += before;
    }
    for (; i + W <= to; i += W) {
        if (!FAR) simd::fetch_ahead(written + i);
        whole(i);
    }
    if (i < to) some(i, int(to - i));
}
