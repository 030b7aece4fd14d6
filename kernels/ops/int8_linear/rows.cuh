// Rows of activations as int8 on the card: which columns hold outliers, and the codes of the others.
#pragma once
#include "codes8.cuh"
#include "reduce.cuh"

struct Largest {
    DEVICE u32 operator()(u32 a, u32 b) const { return a > b ? a : b; }
};

DEVICE i64 thread_number() { return static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; }
DEVICE i64 thread_count() { return static_cast<i64>(gridDim.x) * blockDim.x; }

DEVICE void clear(u8 *outliers, i64 k) {
    for (i64 j = thread_number(); j < k; j += thread_count()) outliers[j] = 0;
}

template <class T>
DEVICE void mark(const T *x, u8 *outliers, i64 rows, i64 k, float threshold) {
    if (!(threshold > 0)) return;
    for (i64 i = thread_number(); i < rows * k; i += thread_count())
        if (fabsf(widen(x[i])) >= threshold) outliers[i % k] = 1;
}

// A block of threads to a row of codes, `line` long: zeros behind k.
template <class T>
DEVICE void encode(const T *x, signed char *codes, float *absmax, const u8 *outliers, i64 rows, i64 k, i64 line,
                   float threshold) {
    for (i64 row = blockIdx.x; row < rows; row += gridDim.x) {
        const T *from = x + row * k;
        signed char *to = codes + row * line;
        u32 top = 0;
        for (i64 j = threadIdx.x; j < k; j += blockDim.x) {
            const float size = fabsf(widen(from[j]));
            if (!(threshold > 0 && size >= threshold)) top = magnitude(size) > top ? magnitude(size) : top;
        }
        const float largest = __uint_as_float(group_all(top, Largest(), 0u));
        const float scale = largest == 0 ? 0 : 127 / largest;
        if (threadIdx.x == 0) absmax[row] = largest;
        for (i64 j = threadIdx.x; j < k; j += blockDim.x) {
            const float y = rintf(widen(from[j]) * scale);
            const bool kept = !outliers[j] && y == y;
            to[j] = kept ? static_cast<signed char>(fminf(fmaxf(y, -127), 127)) : 0;
        }
        for (i64 j = k + threadIdx.x; j < line; j += blockDim.x) to[j] = 0;
    }
}
