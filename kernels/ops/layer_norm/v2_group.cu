// A group of threads to a row, which stays in registers from its one reading on: mean, variance around it, result.
// The gradient of a row, and its share in the gradients of weight and bias, come from one reading of dy and x; rows
// that do not fit are streamed in three steps (`_long`).
// Learned: with the row at hand the exact variance costs as little as the inexact one of squares. The second pass
// also gives what the mean lacks (the mean distance from it, which rounding kept from being 0): far from 0 that is
// most of the error. Columns are summed in shared memory row by row, so the gradients read nothing twice.
#include "columns.cuh"
#include "kernel.cuh"
#include "reduce.cuh"
#include "row.cuh"

constexpr int HELD = 8, HELD_OF_TWO = 4;

// The mean in two parts, since one float does not hold enough digits of it, and 1 / deviation.
struct Statistics {
    float mean, rest, rstd;
    DEVICE float normal(float x) const { return (x - mean - rest) * rstd; }
};

template <class T, class Each>
DEVICE Statistics statistics(Each each, i64 n, float eps) {
    float sum = 0, distance = 0, squares = 0;
    each([&](const Part &at, const float(&x)[V<T>]) { inside<T>(at, x, [&](int, float v) { sum += v; }); });
    const float mean = group_sum(sum) / n;
    each([&](const Part &at, const float(&x)[V<T>]) {
        inside<T>(at, x, [&](int, float v) {
            distance += v - mean;
            squares += (v - mean) * (v - mean);
        });
    });
    group_sums(distance, squares);
    const float rest = fabsf(mean) < INF ? distance / n : 0;
    const float variance = squares / n - rest * rest;
    return {mean, rest, 1 / sqrtf((variance < 0 ? 0 : variance) + eps)};
}

template <class Values, class T>
DEVICE void forward(const T *x, const T *weight, const T *bias, T *y, float *mean, float *rstd, i64 rows, i64 n,
                    float eps) {
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const Row<const T> row(x + i * n, n);
        const Row<T> out(y + i * n, n);
        const Values values(row);
        const Statistics found = statistics<T>([&](auto f) { values.each(row, f); }, n, eps);
        if (threadIdx.x == 0 && mean) mean[i] = found.mean + found.rest;
        if (threadIdx.x == 0 && rstd) rstd[i] = found.rstd;
        values.each(row, [&](const Part &at, const float(&v)[V<T>]) {
            float w[V<T>], b[V<T>];
            load_or(weight, n, at, 1, w);
            load_or(bias, n, at, 0, b);
#pragma unroll
            for (int e = 0; e < V<T>; e++) w[e] = found.normal(v[e]) * w[e] + b[e];
            out.store(at, w);
        });
    }
}

// dx = rstd (g - mean(g) - normal mean(g normal)) with g = dy weight.
template <class T, class Values>
DEVICE void row_gradient(const Values &values, const Row<const T> &row, const Row<const T> &input, const T *weight,
                         const Row<T> &out, const Statistics &found) {
    float sum = 0, product = 0;
    values.each(row, input, [&](const Part &at, const float(&d)[V<T>], const float(&v)[V<T>]) {
        float w[V<T>];
        load_or(weight, row.n, at, 1, w);
        inside<T>(at, d, [&](int e, float g) {
            sum += g * w[e];
            product += g * w[e] * found.normal(v[e]);
        });
    });
    group_sums(sum, product);
    const float a = sum / row.n, b = product / row.n;
    values.each(row, input, [&](const Part &at, const float(&d)[V<T>], const float(&v)[V<T>]) {
        float w[V<T>];
        load_or(weight, row.n, at, 1, w);
#pragma unroll
        for (int e = 0; e < V<T>; e++) w[e] = found.rstd * (d[e] * w[e] - a - found.normal(v[e]) * b);
        out.store(at, w);
    });
}

template <class T>
DEVICE void backward(const T *dy, const T *x, const T *weight, T *dx, i64 rows, i64 n, float eps, void *scratch) {
    Columns<2, V<T>> columns(n);
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const Row<const T> row(dy + i * n, n), input(x + i * n, n);
        const HeldPair<T, HELD_OF_TWO> values(row, input);
        const Statistics found = statistics<T>(
            [&](auto f) {
                values.each(row, input, [&](const Part &at, const float(&)[V<T>], const float(&v)[V<T>]) { f(at, v); });
            },
            n, eps);
        values.each(row, input, [&](const Part &at, const float(&d)[V<T>], const float(&v)[V<T>]) {
            inside<T>(at, d, [&](int e, float g) {
                const int j = static_cast<int>(at.start) + e;
                columns.add(0, j, g * found.normal(v[e]));
                columns.add(1, j, g);
            });
        });
        row_gradient(values, row, input, weight, Row<T>(dx + i * n, n), found);
        group_sync();
    }
    columns.write(scratch);
}

// Rows too long for that: the statistics of each are kept in scratch, then come the columns, then the rows (dx may
// lie over dy, which the columns need).
template <class T>
DEVICE void keep(const T *x, i64 rows, i64 n, float eps, Statistics *kept) {
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const Row<const T> row(x + i * n, n);
        const Streamed<T> values(row);
        const Statistics found = statistics<T>([&](auto f) { values.each(row, f); }, n, eps);
        if (threadIdx.x == 0) kept[i] = found;
    }
}

template <class T>
DEVICE void long_columns(const T *dy, const T *x, T *dweight, T *dbias, i64 rows, i64 n, const Statistics *kept) {
    const i64 j = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (j >= n) return;
    float product = 0, sum = 0;
    for (i64 i = 0; i < rows; i++) {
        const float g = widen(dy[i * n + j]);
        product += g * kept[i].normal(widen(x[i * n + j]));
        sum += g;
    }
    if (dweight) dweight[j] = narrow<T>(product);
    if (dbias) dbias[j] = narrow<T>(sum);
}

template <class T>
DEVICE void long_backward(const T *dy, const T *x, const T *weight, T *dx, i64 rows, i64 n, const Statistics *kept) {
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const Row<const T> row(dy + i * n, n), input(x + i * n, n);
        row_gradient(StreamedPair<T>(row, input), row, input, weight, Row<T>(dx + i * n, n), kept[i]);
    }
}

#define FORWARD(SUFFIX, T, NAME, VALUES)                                                                           \
    KERNEL(1024) layer_norm_v2_group_##NAME##SUFFIX(const T *x, const T *weight, const T *bias, T *y, float *mean, \
                                                    float *rstd, i64 rows, i64 n, double eps) {                    \
        forward<VALUES>(x, weight, bias, y, mean, rstd, rows, n, static_cast<float>(eps));                         \
    }
#define BACKWARD(SUFFIX, T, NAME)                                                                                  \
    KERNEL(1024) layer_norm_grad_v2_group_##NAME##SUFFIX(const T *dy, const T *x, const T *weight, T *dx,          \
                                                         T *dweight, T *dbias, i64 rows, i64 n, double eps,        \
                                                         void *scratch)
#define COMMA ,
#define DEFINE(T, NAME)                                                                                            \
    FORWARD(, T, NAME, Held<T COMMA HELD>)                                                                         \
    FORWARD(_long, T, NAME, Streamed<T>)                                                                           \
    BACKWARD(, T, NAME) { backward(dy, x, weight, dx, rows, n, static_cast<float>(eps), scratch); }                \
    BACKWARD(_columns, T, NAME) { add_columns<2, T>(scratch, {dweight, dbias}, n); }                               \
    BACKWARD(_long_statistics, T, NAME) {                                                                          \
        keep(x, rows, n, static_cast<float>(eps), static_cast<Statistics *>(scratch));                             \
    }                                                                                                              \
    BACKWARD(_long_columns, T, NAME) {                                                                             \
        long_columns(dy, x, dweight, dbias, rows, n, static_cast<const Statistics *>(scratch));                    \
    }                                                                                                              \
    BACKWARD(_long, T, NAME) {                                                                                     \
        long_backward(dy, x, weight, dx, rows, n, static_cast<const Statistics *>(scratch));                       \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
