// One thread to a row for the values, one thread to a column for the gradients of weight and bias.
// Learned: the second gradient has to know each row's mean and deviation again, so they are kept.
#include "kernel.cuh"

template <class T>
DEVICE void statistics(const T *x, i64 n, float eps, float &mean, float &rstd) {
    double sum = 0, squares = 0;  // one after the other, float32 would lose too much
    for (i64 j = 0; j < n; j++) sum += widen(x[j]);
    mean = static_cast<float>(sum / n);
    for (i64 j = 0; j < n; j++) squares += (widen(x[j]) - mean) * (widen(x[j]) - mean);
    rstd = static_cast<float>(1 / sqrt(squares / n + eps));
}

template <class T>
DEVICE void forward(const T *x, const T *weight, const T *bias, T *y, float *mean, float *rstd, i64 rows, i64 n,
                    float eps) {
    const i64 row = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    x += row * n, y += row * n;
    float centre, scale;
    statistics(x, n, eps, centre, scale);
    if (mean) mean[row] = centre;
    if (rstd) rstd[row] = scale;
    for (i64 j = 0; j < n; j++)
        y[j] = narrow<T>((widen(x[j]) - centre) * scale * (weight ? widen(weight[j]) : 1) + (bias ? widen(bias[j]) : 0));
}

// The gradients come in three steps, because dx may lie over dy, which the columns need: what each row's mean and
// 1 / deviation are (kept in scratch), the columns, the rows.
template <class T>
DEVICE void keep(const T *x, i64 rows, i64 n, float eps, float *kept) {
    const i64 row = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (row < rows) statistics(x + row * n, n, eps, kept[2 * row], kept[2 * row + 1]);
}

template <class T>
DEVICE void columns(const T *dy, const T *x, T *dweight, T *dbias, i64 rows, i64 n, const float *kept) {
    const i64 j = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (j >= n) return;
    double product = 0, sum = 0;
    for (i64 row = 0; row < rows; row++) {
        const float g = widen(dy[row * n + j]);
        sum += g, product += g * (widen(x[row * n + j]) - kept[2 * row]) * kept[2 * row + 1];
    }
    if (dweight) dweight[j] = narrow<T>(static_cast<float>(product));
    if (dbias) dbias[j] = narrow<T>(static_cast<float>(sum));
}

template <class T>
DEVICE void backward(const T *dy, const T *x, const T *weight, T *dx, i64 rows, i64 n, const float *kept) {
    const i64 row = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    dy += row * n, x += row * n, dx += row * n;
    const float centre = kept[2 * row], scale = kept[2 * row + 1];
    double sum = 0, product = 0;
    for (i64 j = 0; j < n; j++) {
        const float g = widen(dy[j]) * (weight ? widen(weight[j]) : 1);
        sum += g, product += g * (widen(x[j]) - centre) * scale;
    }
    for (i64 j = 0; j < n; j++) {
        const float g = widen(dy[j]) * (weight ? widen(weight[j]) : 1), normal = (widen(x[j]) - centre) * scale;
        dx[j] = narrow<T>(scale * (g - static_cast<float>(sum / n) - normal * static_cast<float>(product / n)));
    }
}

#define GRADIENT(SUFFIX, T, NAME)                                                                               \
    KERNEL(256) layer_norm_grad_v1_naive_##NAME##SUFFIX(const T *dy, const T *x, const T *weight, T *dx,        \
                                                        T *dweight, T *dbias, i64 rows, i64 n, double eps,      \
                                                        void *scratch)
#define DEFINE(T, NAME)                                                                                         \
    KERNEL(256) layer_norm_v1_naive_##NAME(const T *x, const T *weight, const T *bias, T *y, float *mean,       \
                                           float *rstd, i64 rows, i64 n, double eps) {                          \
        forward(x, weight, bias, y, mean, rstd, rows, n, static_cast<float>(eps));                              \
    }                                                                                                           \
    GRADIENT(_statistics, T, NAME) {                                                                            \
        keep(x, rows, n, static_cast<float>(eps), static_cast<float *>(scratch));                               \
    }                                                                                                           \
    GRADIENT(_columns, T, NAME) {                                                                               \
        columns(dy, x, dweight, dbias, rows, n, static_cast<const float *>(scratch));                           \
    }                                                                                                           \
    GRADIENT(, T, NAME) { backward(dy, x, weight, dx, rows, n, static_cast<const float *>(scratch)); }
DEFINE(float, f32)
