// A group of threads to a row, which stays in registers from its one reading on. The gradient of a row, and its
// share in the gradient of the weight, come from one reading of dy and x. Rows that do not fit (`_long`), or that 16
// bytes do not divide (`_odd`), are streamed; their gradients in three steps.
// Learned: half of layer normalisation's waiting goes with the mean: one reduction, then the result. Columns are
// summed in shared memory row by row, so the gradients read nothing twice.
#include "columns.cuh"
#include "kernel.cuh"
#include "reduce.cuh"
#include "row.cuh"

constexpr int HELD = 4, HELD_OF_TWO = 4;

template <class Values, class T>
DEVICE float inverse_root(const Values &row, const T *x, i64 n, float eps) {
    constexpr int N = Values::N;
    float squares = 0;
    row.each(x, n, [&](i64, const float(&v)[N]) {
#pragma unroll
        for (int e = 0; e < N; e++) squares += v[e] * v[e];
    });
    return 1 / sqrtf(group_sum(squares) / n + eps);
}

template <class Values, class T>
DEVICE void forward(const T *x, const T *weight, T *y, float *rstd, i64 rows, i64 n, float eps) {
    constexpr int N = Values::N;
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const T *from = x + i * n;
        T *to = y + i * n;
        const Values row(from, n);
        const float scale = inverse_root(row, from, n, eps);
        if (threadIdx.x == 0 && rstd) rstd[i] = scale;
        row.each(from, n, [&](i64 j, const float(&v)[N]) {
            float w[N];
            get_or(weight, j, 1, w);
#pragma unroll
            for (int e = 0; e < N; e++) w[e] = v[e] * scale * w[e];
            put<T, N>(to + j, w);
        });
    }
}

// dx = rstd (g - normal mean(g normal)) with g = dy weight.
template <class Values, class T>
DEVICE void row_gradient(const Values &row, const T *dy, const Values &other, const T *x, const T *weight, T *dx, i64 n,
                         float scale) {
    constexpr int N = Values::N;
    float product = 0;
    both(row, dy, other, x, n, [&](i64 j, const float(&d)[N], const float(&v)[N]) {
        float w[N];
        get_or(weight, j, 1, w);
#pragma unroll
        for (int e = 0; e < N; e++) product += d[e] * w[e] * (v[e] * scale);
    });
    const float mean = group_sum(product) / n;
    both(row, dy, other, x, n, [&](i64 j, const float(&d)[N], const float(&v)[N]) {
        float w[N];
        get_or(weight, j, 1, w);
#pragma unroll
        for (int e = 0; e < N; e++) w[e] = scale * (d[e] * w[e] - v[e] * scale * mean);
        put<T, N>(dx + j, w);
    });
}

template <class Values, class T>
DEVICE void backward(const T *dy, const T *x, const T *weight, T *dx, i64 rows, i64 n, float eps, void *scratch) {
    constexpr int N = Values::N;
    Columns<1, N> columns(n);
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const T *from = dy + i * n, *input = x + i * n;
        const Values row(from, n), other(input, n);
        const float scale = inverse_root(other, input, n, eps);
        both(row, from, other, input, n, [&](i64 j, const float(&d)[N], const float(&v)[N]) {
#pragma unroll
            for (int e = 0; e < N; e++) columns.add(0, j, e, d[e] * (v[e] * scale));
        });
        row_gradient(row, from, other, input, weight, dx + i * n, n, scale);
        group_sync();
    }
    columns.write(scratch);
}

// The three steps: what each row is divided by is kept in scratch, then come the columns, then the rows (dx may lie
// over dy, which the columns need).
template <class Values, class T>
DEVICE void keep(const T *x, i64 rows, i64 n, float eps, float *kept) {
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const float scale = inverse_root(Values(x + i * n, n), x + i * n, n, eps);
        if (threadIdx.x == 0) kept[i] = scale;
    }
}

template <class T>
DEVICE void column_gradient(const T *dy, const T *x, T *dweight, i64 rows, i64 n, const float *kept) {
    sum_columns<1, T>({dweight}, rows, n, [&](i64 i, i64 j, float (&sum)[1]) {
        sum[0] += widen(dy[i * n + j]) * (widen(x[i * n + j]) * kept[i]);
    });
}

template <class Values, class T>
DEVICE void streamed_backward(const T *dy, const T *x, const T *weight, T *dx, i64 rows, i64 n, const float *kept) {
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const T *from = dy + i * n, *input = x + i * n;
        row_gradient(Values(from, n), from, Values(input, n), input, weight, dx + i * n, n, kept[i]);
    }
}

#define FORWARD(SUFFIX, T, NAME, ...)                                                                        \
    KERNEL(1024) rms_norm_v2_group_##NAME##SUFFIX(const T *x, const T *weight, T *y, float *rstd, i64 rows,     \
                                                  i64 n, double eps) {                                          \
        forward<__VA_ARGS__>(x, weight, y, rstd, rows, n, static_cast<float>(eps));                                  \
    }
#define BACKWARD(SUFFIX, T, NAME)                                                                               \
    KERNEL(512) rms_norm_grad_v2_group_##NAME##SUFFIX(const T *dy, const T *x, const T *weight, T *dx,         \
                                                       T *dweight, i64 rows, i64 n, double eps, void *scratch)
#define STREAMED(SUFFIX, T, NAME, ...)                                                                       \
    FORWARD(SUFFIX, T, NAME, __VA_ARGS__)                                                                            \
    BACKWARD(SUFFIX##_statistics, T, NAME) {                                                                    \
        keep<__VA_ARGS__>(x, rows, n, static_cast<float>(eps), static_cast<float *>(scratch));                       \
    }                                                                                                           \
    BACKWARD(SUFFIX, T, NAME) {                                                                                 \
        streamed_backward<__VA_ARGS__>(dy, x, weight, dx, rows, n, static_cast<const float *>(scratch));             \
    }
#define DEFINE(T, NAME)                                                                                         \
    FORWARD(, T, NAME, Held<T, V<T>, HELD>)                                                           \
    BACKWARD(, T, NAME) {                                                                                       \
        backward<Held<T, V<T>, HELD_OF_TWO>>(dy, x, weight, dx, rows, n, static_cast<float>(eps), scratch);     \
    }                                                                                                           \
    BACKWARD(_columns, T, NAME) { add_columns<1, T>(scratch, {dweight}, n); }                                   \
    STREAMED(_long, T, NAME, Streamed<T, V<T>>)                                                            \
    STREAMED(_odd, T, NAME, Streamed<T, 1>)                                                                \
    BACKWARD(_all_columns, T, NAME) {                                                                           \
        column_gradient(dy, x, dweight, rows, n, static_cast<const float *>(scratch));                          \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
