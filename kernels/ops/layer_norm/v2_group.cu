// A group of threads to a row, which stays in registers from its one reading on: mean, variance around it, result.
// The gradient of a row, and its share in the gradients of weight and bias, come from one reading of dy and x. Rows
// that do not fit (`_long`), or that 16 bytes do not divide (`_odd`), are streamed; their gradients in three steps.
// Learned: with the row at hand the exact variance costs as little as the inexact one of squares. The second pass
// also gives what the mean lacks (the mean distance from it, which rounding kept from being 0): far from 0 that is
// most of the error. Columns are summed in shared memory row by row, so the gradients read nothing twice.
#include "columns.cuh"
#include "kernel.cuh"
#include "reduce.cuh"
#include "row.cuh"

constexpr int HELD = 4, HELD_OF_TWO = 2;

// The mean in two parts, since one float does not hold enough digits of it, and 1 / deviation.
struct Statistics {
    float mean, rest, rstd;
    DEVICE float normal(float x) const { return (x - mean - rest) * rstd; }
};

template <class Values, class T>
DEVICE Statistics statistics(const Values &row, const T *x, i64 n, float eps) {
    constexpr int N = Values::N;
    float sum = 0, distance = 0, squares = 0;
    row.each(x, n, [&](i64, const float(&v)[N]) {
#pragma unroll
        for (int e = 0; e < N; e++) sum += v[e];
    });
    const float mean = group_sum(sum) / n;
    row.each(x, n, [&](i64, const float(&v)[N]) {
#pragma unroll
        for (int e = 0; e < N; e++) {
            distance += v[e] - mean;
            squares += (v[e] - mean) * (v[e] - mean);
        }
    });
    group_sums(distance, squares);
    const float rest = fabsf(mean) < INF ? distance / n : 0;
    const float variance = squares / n - rest * rest;
    return {mean, rest, 1 / sqrtf((variance < 0 ? 0 : variance) + eps)};
}

template <class Values, class T>
DEVICE void forward(const T *x, const T *weight, const T *bias, T *y, float *mean, float *rstd, i64 rows, i64 n,
                    float eps) {
    constexpr int N = Values::N;
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const T *from = x + i * n;
        T *to = y + i * n;
        const Values row(from, n);
        const Statistics found = statistics(row, from, n, eps);
        if (threadIdx.x == 0 && mean) mean[i] = found.mean + found.rest;
        if (threadIdx.x == 0 && rstd) rstd[i] = found.rstd;
        row.each(from, n, [&](i64 j, const float(&v)[N]) {
            float w[N], b[N];
            get_or(weight, j, 1, w);
            get_or(bias, j, 0, b);
#pragma unroll
            for (int e = 0; e < N; e++) w[e] = found.normal(v[e]) * w[e] + b[e];
            put<T, N>(to + j, w);
        });
    }
}

// dx = rstd (g - mean(g) - normal mean(g normal)) with g = dy weight.
template <class Values, class T>
DEVICE void row_gradient(const Values &row, const T *dy, const Values &other, const T *x, const T *weight, T *dx, i64 n,
                         const Statistics &found) {
    constexpr int N = Values::N;
    float sum = 0, product = 0;
    both(row, dy, other, x, n, [&](i64 j, const float(&d)[N], const float(&v)[N]) {
        float w[N];
        get_or(weight, j, 1, w);
#pragma unroll
        for (int e = 0; e < N; e++) {
            sum += d[e] * w[e];
            product += d[e] * w[e] * found.normal(v[e]);
        }
    });
    group_sums(sum, product);
    const float a = sum / n, b = product / n;
    both(row, dy, other, x, n, [&](i64 j, const float(&d)[N], const float(&v)[N]) {
        float w[N];
        get_or(weight, j, 1, w);
#pragma unroll
        for (int e = 0; e < N; e++) w[e] = found.rstd * (d[e] * w[e] - a - found.normal(v[e]) * b);
        put<T, N>(dx + j, w);
    });
}

template <class Values, class T>
DEVICE void backward(const T *dy, const T *x, const T *weight, T *dx, i64 rows, i64 n, float eps, void *scratch) {
    constexpr int N = Values::N;
    Columns<2, N> columns(n);
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const T *from = dy + i * n, *input = x + i * n;
        const Values row(from, n), other(input, n);
        const Statistics found = statistics(other, input, n, eps);
        both(row, from, other, input, n, [&](i64 j, const float(&d)[N], const float(&v)[N]) {
#pragma unroll
            for (int e = 0; e < N; e++) {
                columns.add(0, j, e, d[e] * found.normal(v[e]));
                columns.add(1, j, e, d[e]);
            }
        });
        row_gradient(row, from, other, input, weight, dx + i * n, n, found);
        group_sync();
    }
    columns.write(scratch);
}

// The three steps: the statistics of each row are kept in scratch, then come the columns, then the rows (dx may lie
// over dy, which the columns need).
template <class Values, class T>
DEVICE void keep(const T *x, i64 rows, i64 n, float eps, Statistics *kept) {
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const Statistics found = statistics(Values(x + i * n, n), x + i * n, n, eps);
        if (threadIdx.x == 0) kept[i] = found;
    }
}

template <class T>
DEVICE void column_gradients(const T *dy, const T *x, T *dweight, T *dbias, i64 rows, i64 n, const Statistics *kept) {
    sum_columns<2, T>({dweight, dbias}, rows, n, [&](i64 i, i64 j, float (&sum)[2]) {
        const float g = widen(dy[i * n + j]);
        sum[0] += g * kept[i].normal(widen(x[i * n + j]));
        sum[1] += g;
    });
}

template <class Values, class T>
DEVICE void streamed_backward(const T *dy, const T *x, const T *weight, T *dx, i64 rows, i64 n, const Statistics *kept) {
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const T *from = dy + i * n, *input = x + i * n;
        row_gradient(Values(from, n), from, Values(input, n), input, weight, dx + i * n, n, kept[i]);
    }
}

#define FORWARD(SUFFIX, T, NAME, ...)                                                                           \
    KERNEL(1024) layer_norm_v2_group_##NAME##SUFFIX(const T *x, const T *weight, const T *bias, T *y, float *mean, \
                                                    float *rstd, i64 rows, i64 n, double eps) {                    \
        forward<__VA_ARGS__>(x, weight, bias, y, mean, rstd, rows, n, static_cast<float>(eps));                         \
    }
#define BACKWARD(SUFFIX, T, NAME)                                                                                  \
    KERNEL(512) layer_norm_grad_v2_group_##NAME##SUFFIX(const T *dy, const T *x, const T *weight, T *dx,          \
                                                         T *dweight, T *dbias, i64 rows, i64 n, double eps,        \
                                                         void *scratch)
#define STREAMED(SUFFIX, T, NAME, ...)                                                                          \
    FORWARD(SUFFIX, T, NAME, __VA_ARGS__)                                                                               \
    BACKWARD(SUFFIX##_statistics, T, NAME) {                                                                       \
        keep<__VA_ARGS__>(x, rows, n, static_cast<float>(eps), static_cast<Statistics *>(scratch));                     \
    }                                                                                                              \
    BACKWARD(SUFFIX, T, NAME) {                                                                                    \
        streamed_backward<__VA_ARGS__>(dy, x, weight, dx, rows, n, static_cast<const Statistics *>(scratch));           \
    }
#define DEFINE(T, NAME)                                                                                            \
    FORWARD(, T, NAME, Held<T, V<T>, HELD>)                                                              \
    BACKWARD(, T, NAME) {                                                                                          \
        backward<Held<T, V<T>, HELD_OF_TWO>>(dy, x, weight, dx, rows, n, static_cast<float>(eps), scratch);        \
    }                                                                                                              \
    BACKWARD(_columns, T, NAME) { add_columns<2, T>(scratch, {dweight, dbias}, n); }                               \
    STREAMED(_long, T, NAME, Streamed<T, V<T>>)                                                               \
    STREAMED(_odd, T, NAME, Streamed<T, 1>)                                                                   \
    BACKWARD(_all_columns, T, NAME) {                                                                              \
        column_gradients(dy, x, dweight, dbias, rows, n, static_cast<const Statistics *>(scratch));                \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
