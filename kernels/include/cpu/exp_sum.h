// The largest element of a row and the sum of exp(x - largest) in one reading of it (Milakov and Gimelshein
// 2018), by blocks that stay in the nearest cache: the largest of a block first, then its exponentials.
#pragma once
#include "rows.h"

namespace simd {

struct ExpSum {
    float top;  // the largest, NaNs left out
    float sum;  // NaN if there is a NaN or +inf
};

// The same for a row of any length. While a block is summed, the next one is fetched.
template <class T>
inline ExpSum exp_sum(const T *x, int64_t n) {
    const float inf = std::numeric_limits<float>::infinity();
    constexpr int64_t BLOCK = 2048;
    ExpSum all{-inf, 0};
    for (int64_t from = 0; from < n; from += BLOCK) {
        const T *block = x + from;
        int64_t count = n - from < BLOCK ? n - from : BLOCK;
        float top = largest(block, count);
        if (top > all.top) {
            all.sum *= exp(splat(all.top - top))[0];
            all.top = top;
        }
        float shift = all.top > -inf ? all.top : 0.0f;  // -inf - -inf would be NaN
        Sum part;
        each_vector(count, [&](int64_t j, auto lanes) {
            fetch(block + j + BLOCK);
            part.value += exp(get(block + j, lanes, -inf) - shift);
        });
        all.sum += sum(part.value);
    }
    return all;
}

}  // namespace simd
