// One thread to a row for the values, one thread to a column for the gradient of the weight.
// Learned: the second gradient has to know what each row is divided by again, so that is kept.
#include "kernel.cuh"

DEVICE float inverse_root(const float *x, i64 n, float eps) {
    double squares = 0;  // one after the other, float32 would lose too much
    for (i64 j = 0; j < n; j++) squares += x[j] * x[j];
    return static_cast<float>(1 / sqrt(squares / n + eps));
}

KERNEL(256) rms_norm_v1_naive_f32(const float *x, const float *weight, float *y, float *rstd, i64 rows, i64 n,
                                  double eps) {
    const i64 row = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    x += row * n, y += row * n;
    const float scale = inverse_root(x, n, static_cast<float>(eps));
    if (rstd) rstd[row] = scale;
    for (i64 j = 0; j < n; j++) y[j] = x[j] * scale * (weight ? weight[j] : 1);
}

// The gradients come in three steps, because dx may lie over dy, which the columns need: what each row is divided by
// (kept in scratch), the columns, the rows.
#define GRADIENT(SUFFIX)                                                                                         \
    KERNEL(256) rms_norm_grad_v1_naive_f32##SUFFIX(const float *dy, const float *x, const float *weight, float *dx, \
                                                   float *dweight, i64 rows, i64 n, double eps, void *scratch)

GRADIENT(_statistics) {
    const i64 row = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (row < rows) static_cast<float *>(scratch)[row] = inverse_root(x + row * n, n, static_cast<float>(eps));
}

GRADIENT(_columns) {
    const i64 j = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (j >= n || !dweight) return;
    double product = 0;
    for (i64 row = 0; row < rows; row++)
        product += dy[row * n + j] * (x[row * n + j] * static_cast<const float *>(scratch)[row]);
    dweight[j] = static_cast<float>(product);
}

GRADIENT() {
    const i64 row = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    dy += row * n, x += row * n, dx += row * n;
    const float scale = static_cast<const float *>(scratch)[row];
    double product = 0;
    for (i64 j = 0; j < n; j++) product += dy[j] * (weight ? weight[j] : 1) * (x[j] * scale);
    for (i64 j = 0; j < n; j++)
        dx[j] = scale * (dy[j] * (weight ? weight[j] : 1) - x[j] * scale * static_cast<float>(product / n));
}
