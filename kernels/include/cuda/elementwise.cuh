// Functions of the elements of several arrays of one size: 16 bytes of each to a thread, the rest one by one.
#pragma once
#include <row.cuh>

// f(values of the inputs, values of the outputs) for every element of `in` and `out`.
template <int IN, int OUT, class T, class F>
DEVICE void each_element(const T *const (&in)[IN], T *const (&out)[OUT], i64 n, F f) {
    const i64 whole = n / V<T>, step = static_cast<i64>(gridDim.x) * blockDim.x;
    const i64 first = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    for (i64 i = first; i < whole; i += step) {
        float x[IN][V<T>], y[OUT][V<T>];
#pragma unroll
        for (int k = 0; k < IN; k++) get<T, V<T>>(in[k] + i * V<T>, x[k]);
#pragma unroll
        for (int e = 0; e < V<T>; e++) {
            float a[IN], b[OUT];
#pragma unroll
            for (int k = 0; k < IN; k++) a[k] = x[k][e];
            f(a, b);
#pragma unroll
            for (int k = 0; k < OUT; k++) y[k][e] = b[k];
        }
#pragma unroll
        for (int k = 0; k < OUT; k++) put<T, V<T>>(out[k] + i * V<T>, y[k]);
    }
    for (i64 i = whole * V<T> + first; i < n; i += step) {
        float a[IN], b[OUT];
#pragma unroll
        for (int k = 0; k < IN; k++) a[k] = widen(in[k][i]);
        f(a, b);
#pragma unroll
        for (int k = 0; k < OUT; k++) out[k][i] = narrow<T>(b[k]);
    }
}
