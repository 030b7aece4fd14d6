// The largest element of a row and the sum of exp(x - largest) in one reading of it (Milakov and Gimelshein
// 2018), by blocks that stay in the nearest cache.
#pragma once
#include "rows.h"

namespace simd {

struct ExpSum {
    float top;  // the largest, NaNs left out
    float sum;  // NaN if there is a NaN or +inf
};

// A block is summed in the same loop that seeks the largest of the next one: the arithmetic of the one fills the
// time that the other waits for memory.
template <class T>
inline ExpSum exp_sum(const T *x, int64_t n) {
    const float inf = std::numeric_limits<float>::infinity();
    constexpr int64_t BLOCK = 1024;
    ExpSum all{-inf, 0};
    float top = largest(x, n < BLOCK ? n : BLOCK);
    for (int64_t from = 0; from < n; from += BLOCK) {
        const T *block = x + from;
        const int64_t left = n - from, count = left < BLOCK ? left : BLOCK;
        const int64_t next = left - count < BLOCK ? left - count : BLOCK;
        if (top > all.top) {
            all.sum *= exp(splat(all.top - top))[0];
            all.top = top;
        }
        const float shift = all.top > -inf ? all.top : 0.0f;  // -inf - -inf would be NaN
        Sum part;
        Largest ahead;
        int64_t j = 0;
        for (; j + W <= next; j += W) {
            fetch_ahead(block + BLOCK + j, BLOCK * sizeof(T));
            ahead.value = max(load(block + BLOCK + j), ahead.value);
            part.value += exp_below(load(block + j) - shift);
        }
        if (j < next) ahead.value = max(get(block + BLOCK + j, int(next - j), -inf), ahead.value);
        each_vector(count - j, [&](int64_t i, auto lanes) {
            part.value += exp_below(get(block + j + i, lanes, -inf) - shift);
        });
        all.sum += sum(part.value);
        top = max_of(ahead.value);
    }
    return all;
}

}  // namespace simd
