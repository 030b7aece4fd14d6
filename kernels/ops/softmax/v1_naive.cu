// One thread to a row, passes as the formula says.
// Learned: right, and a measure for the rest: neighbouring threads read addresses a row apart, so of every 32 bytes
// fetched one element is used at a time, and a few long rows leave the card empty.
#include "kernel.cuh"

template <class T>
DEVICE void forward(const T *x, T *y, i64 rows, i64 n, bool logarithm) {
    const i64 row = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    x += row * n, y += row * n;
    float top = -INF;
    double sum = 0;  // one after the other, float32 would lose too much
    for (i64 j = 0; j < n; j++) top = fmaxf(top, widen(x[j]));
    for (i64 j = 0; j < n; j++) sum += expf(widen(x[j]) - top);
    for (i64 j = 0; j < n; j++) {
        const float shifted = widen(x[j]) - top;
        y[j] = narrow<T>(logarithm ? shifted - static_cast<float>(log(sum)) : static_cast<float>(expf(shifted) / sum));
    }
}

template <class T>
DEVICE void backward(const T *dy, const T *y, T *dx, i64 rows, i64 n, bool logarithm) {
    const i64 row = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    dy += row * n, y += row * n, dx += row * n;
    double sum = 0;
    for (i64 j = 0; j < n; j++) sum += logarithm ? widen(dy[j]) : widen(dy[j]) * widen(y[j]);
    for (i64 j = 0; j < n; j++) {
        const float d = widen(dy[j]), p = widen(y[j]);
        dx[j] = narrow<T>(logarithm ? d - expf(p) * static_cast<float>(sum) : p * (d - static_cast<float>(sum)));
    }
}

#define DEFINE(T, NAME)                                                                                        \
    KERNEL(256) softmax_v1_naive_##NAME(const T *x, T *y, i64 rows, i64 n) { forward(x, y, rows, n, false); }   \
    KERNEL(256) log_softmax_v1_naive_##NAME(const T *x, T *y, i64 rows, i64 n) { forward(x, y, rows, n, true); } \
    KERNEL(256) softmax_grad_v1_naive_##NAME(const T *dy, const T *y, T *dx, i64 rows, i64 n) {                \
        backward(dy, y, dx, rows, n, false);                                                                   \
    }                                                                                                          \
    KERNEL(256) log_softmax_grad_v1_naive_##NAME(const T *dy, const T *y, T *dx, i64 rows, i64 n) {            \
        backward(dy, y, dx, rows, n, true);                                                                    \
    }
DEFINE(float, f32)
