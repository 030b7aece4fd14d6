// A block to a row. The largest: every thread its own, then all of them. The k largest: as often as k says, the
// largest of those behind the one found before (lesser, or equal with a higher index).
// Learned: comparing a pair of value and index makes ties and NaN part of one order, so nothing has to be marked as
// taken; the price is reading the row k times, from the cache where it fits there.
#include "kernel.cuh"

// In the order wanted: a NaN first, then larger values, then lower indices. Index -1 stands for nothing.
struct Found {
    float value;
    i64 index;
    DEVICE bool before(const Found &b) const {
        if (index < 0 || b.index < 0) return b.index < 0 && index >= 0;
        const bool odd = value != value, other = b.value != b.value;
        if (odd != other) return odd;
        if (odd || value == b.value) return index < b.index;
        return value > b.value;
    }
};

// The first of those behind `bound`, of all threads of the block.
template <class T>
DEVICE Found first_behind(const T *x, i64 n, Found bound) {
    __shared__ float values[8];
    __shared__ i64 indices[8];
    Found best = {0, -1};
    for (i64 j = threadIdx.x; j < n; j += blockDim.x) {
        const Found here = {widen(x[j]), j};
        if (here.before(best) && (bound.index < 0 || bound.before(here))) best = here;
    }
#pragma unroll
    for (int step = 16; step; step /= 2) {
        const Found other = {__shfl_xor_sync(0xffffffffu, best.value, step),
                             __shfl_xor_sync(0xffffffffu, best.index, step)};
        if (other.before(best)) best = other;
    }
    __syncthreads();
    if (threadIdx.x % 32 == 0) values[threadIdx.x / 32] = best.value, indices[threadIdx.x / 32] = best.index;
    __syncthreads();
    for (int w = 0; w < 8; w++) {
        const Found other = {values[w], indices[w]};
        if (other.before(best)) best = other;
    }
    return best;
}

template <class T>
DEVICE void top_k(const T *x, T *values, i64 *indices, i64 rows, i64 n, i64 k) {
    for (i64 row = blockIdx.x; row < rows; row += gridDim.x) {
        Found last = {0, -1};
        for (i64 i = 0; i < k; i++) {
            last = first_behind(x + row * n, n, last);
            if (threadIdx.x == 0) values[row * k + i] = x[row * n + last.index], indices[row * k + i] = last.index;
        }
    }
}

template <class T>
DEVICE void argmax(const T *x, i64 *index, i64 rows, i64 n) {
    for (i64 row = blockIdx.x; row < rows; row += gridDim.x) {
        const Found best = first_behind(x + row * n, n, {0, -1});
        if (threadIdx.x == 0) index[row] = best.index;
    }
}

#define DEFINE(T, NAME)                                                                                        \
    KERNEL(256) top_k_v1_selection_##NAME(const T *x, T *values, i64 *indices, i64 rows, i64 n, i64 k) {       \
        top_k(x, values, indices, rows, n, k);                                                                 \
    }                                                                                                          \
    KERNEL(256) argmax_v1_selection_##NAME(const T *x, i64 *index, i64 rows, i64 n) { argmax(x, index, rows, n); }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
