// Sums over pixels, many of them at once: what the gradient by the weights is made of.
#pragma once
#include <utility>

#include "simd.h"

using namespace simd;

constexpr int DOTS_K = 4;                  // a tile of sums: channels of the result ...
constexpr int DOTS_X = W == 16 ? 6 : 2;    // ... by shifted channels of the input

// One vector of the sums of W vectors: pairs of them exchange lanes until each lane holds what is of one.
template <int S, int... J>
inline void add_across(vf *v, std::integer_sequence<int, J...> lanes) {
    const vi low = {((J & S) ? J - S + W : J)...}, high = {((J & S) ? J + W : J + S)...};
#pragma GCC unroll 16
    for (int i = 0; i < W; i += 2 * S)
        v[i] = __builtin_shuffle(v[i], v[i + S], low) + __builtin_shuffle(v[i], v[i + S], high);
    if constexpr (2 * S < W) add_across<2 * S>(v, lanes);
}

inline void dots(float (&sums)[DOTS_K][DOTS_X], const float *const (&dy)[DOTS_K], const float *const (&x)[DOTS_X],
                 int64_t pixels) {
    constexpr int ALL = (DOTS_K * DOTS_X + W - 1) / W * W;
    vf a[DOTS_K][DOTS_X] = {};
    for (int64_t p = 0; p < pixels; p += W) {
        vf d[DOTS_K];
#pragma GCC unroll 8
        for (int k = 0; k < DOTS_K; k++) d[k] = load(dy[k] + p);
#pragma GCC unroll 8
        for (int j = 0; j < DOTS_X; j++) {
            const vf v = load(x[j] + p);
#pragma GCC unroll 8
            for (int k = 0; k < DOTS_K; k++) a[k][j] += d[k] * v;
        }
    }
    vf all[ALL] = {};
    float found[ALL];
    memcpy(all, a, sizeof a);
    for (int i = 0; i < ALL; i += W) {
        add_across<1>(all + i, std::make_integer_sequence<int, W>());
        store(found + i, all[i]);
    }
    memcpy(sums, found, sizeof sums);
}
