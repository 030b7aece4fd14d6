// A group of threads to a row, which stays in registers from its one reading on. The gradient of a row, and its
// share in the gradient of the weight, come from one reading of dy and x; rows that do not fit are streamed in three
// steps (`_long`).
// Learned: half of layer normalisation's waiting goes with the mean: one reduction, then the result. Columns are
// summed in shared memory row by row, so the gradients read nothing twice.
#include "columns.cuh"
#include "kernel.cuh"
#include "reduce.cuh"
#include "row.cuh"

constexpr int HELD = 8, HELD_OF_TWO = 4;

template <class T, class Each>
DEVICE float inverse_root(Each each, i64 n, float eps) {
    float squares = 0;
    each([&](const Part &at, const float(&x)[V<T>]) { inside<T>(at, x, [&](int, float v) { squares += v * v; }); });
    return 1 / sqrtf(group_sum(squares) / n + eps);
}

template <class Values, class T>
DEVICE void forward(const T *x, const T *weight, T *y, float *rstd, i64 rows, i64 n, float eps) {
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const Row<const T> row(x + i * n, n);
        const Row<T> out(y + i * n, n);
        const Values values(row);
        const float scale = inverse_root<T>([&](auto f) { values.each(row, f); }, n, eps);
        if (threadIdx.x == 0 && rstd) rstd[i] = scale;
        values.each(row, [&](const Part &at, const float(&v)[V<T>]) {
            float w[V<T>];
            load_or(weight, n, at, 1, w);
#pragma unroll
            for (int e = 0; e < V<T>; e++) w[e] = v[e] * scale * w[e];
            out.store(at, w);
        });
    }
}

// dx = rstd (g - normal mean(g normal)) with g = dy weight.
template <class T, class Values>
DEVICE void row_gradient(const Values &values, const Row<const T> &row, const Row<const T> &input, const T *weight,
                         const Row<T> &out, float scale) {
    float product = 0;
    values.each(row, input, [&](const Part &at, const float(&d)[V<T>], const float(&v)[V<T>]) {
        float w[V<T>];
        load_or(weight, row.n, at, 1, w);
        inside<T>(at, d, [&](int e, float g) { product += g * w[e] * (v[e] * scale); });
    });
    const float mean = group_sum(product) / row.n;
    values.each(row, input, [&](const Part &at, const float(&d)[V<T>], const float(&v)[V<T>]) {
        float w[V<T>];
        load_or(weight, row.n, at, 1, w);
#pragma unroll
        for (int e = 0; e < V<T>; e++) w[e] = scale * (d[e] * w[e] - v[e] * scale * mean);
        out.store(at, w);
    });
}

template <class T>
DEVICE void backward(const T *dy, const T *x, const T *weight, T *dx, i64 rows, i64 n, float eps, void *scratch) {
    Columns<1, V<T>> columns(n);
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const Row<const T> row(dy + i * n, n), input(x + i * n, n);
        const HeldPair<T, HELD_OF_TWO> values(row, input);
        const float scale = inverse_root<T>(
            [&](auto f) {
                values.each(row, input, [&](const Part &at, const float(&)[V<T>], const float(&v)[V<T>]) { f(at, v); });
            },
            n, eps);
        values.each(row, input, [&](const Part &at, const float(&d)[V<T>], const float(&v)[V<T>]) {
            inside<T>(at, d, [&](int e, float g) { columns.add(0, static_cast<int>(at.start) + e, g * (v[e] * scale)); });
        });
        row_gradient(values, row, input, weight, Row<T>(dx + i * n, n), scale);
        group_sync();
    }
    columns.write(scratch);
}

// Rows too long for that: what each is divided by is kept in scratch, then come the columns, then the rows (dx may
// lie over dy, which the columns need).
template <class T>
DEVICE void keep(const T *x, i64 rows, i64 n, float eps, float *kept) {
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const Row<const T> row(x + i * n, n);
        const Streamed<T> values(row);
        const float scale = inverse_root<T>([&](auto f) { values.each(row, f); }, n, eps);
        if (threadIdx.x == 0) kept[i] = scale;
    }
}

template <class T>
DEVICE void long_columns(const T *dy, const T *x, T *dweight, i64 rows, i64 n, const float *kept) {
    const i64 j = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (j >= n || !dweight) return;
    float product = 0;
    for (i64 i = 0; i < rows; i++) product += widen(dy[i * n + j]) * (widen(x[i * n + j]) * kept[i]);
    dweight[j] = narrow<T>(product);
}

template <class T>
DEVICE void long_backward(const T *dy, const T *x, const T *weight, T *dx, i64 rows, i64 n, const float *kept) {
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const Row<const T> row(dy + i * n, n), input(x + i * n, n);
        row_gradient(StreamedPair<T>(row, input), row, input, weight, Row<T>(dx + i * n, n), kept[i]);
    }
}

#define FORWARD(SUFFIX, T, NAME, VALUES)                                                                        \
    KERNEL(1024) rms_norm_v2_group_##NAME##SUFFIX(const T *x, const T *weight, T *y, float *rstd, i64 rows,     \
                                                  i64 n, double eps) {                                          \
        forward<VALUES>(x, weight, y, rstd, rows, n, static_cast<float>(eps));                                  \
    }
#define BACKWARD(SUFFIX, T, NAME)                                                                               \
    KERNEL(1024) rms_norm_grad_v2_group_##NAME##SUFFIX(const T *dy, const T *x, const T *weight, T *dx,         \
                                                       T *dweight, i64 rows, i64 n, double eps, void *scratch)
#define COMMA ,
#define DEFINE(T, NAME)                                                                                         \
    FORWARD(, T, NAME, Held<T COMMA HELD>)                                                                      \
    FORWARD(_long, T, NAME, Streamed<T>)                                                                        \
    BACKWARD(, T, NAME) { backward(dy, x, weight, dx, rows, n, static_cast<float>(eps), scratch); }             \
    BACKWARD(_columns, T, NAME) { add_columns<1, T>(scratch, {dweight}, n); }                                   \
    BACKWARD(_long_statistics, T, NAME) {                                                                       \
        keep(x, rows, n, static_cast<float>(eps), static_cast<float *>(scratch));                               \
    }                                                                                                           \
    BACKWARD(_long_columns, T, NAME) {                                                                          \
        long_columns(dy, x, dweight, rows, n, static_cast<const float *>(scratch));                             \
    }                                                                                                           \
    BACKWARD(_long, T, NAME) {                                                                                  \
        long_backward(dy, x, weight, dx, rows, n, static_cast<const float *>(scratch));                         \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
