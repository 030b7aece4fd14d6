// A group of threads to a row: 32 to 1024 of them by its length. The row is read once, 16 bytes at a time, and
// stays in registers; two reductions through shuffles. `_long` rows, which registers do not hold, and `_odd` ones,
// which 16 bytes do not divide, are read twice.
// Learned: the row's one way in and one way out of memory is all that costs. Kept as it was read (16-bit elements
// stay packed), a row of 64 KB fits into the registers of one block; a longer one needs no third reading, since
// maximum and sum can be had together: when the maximum grows, what was summed is scaled down.
#include "kernel.cuh"
#include "reduce.cuh"
#include "row.cuh"

constexpr int HELD = 4, HELD_OF_TWO = 4;  // pieces per thread

// The largest element and the sum of exp(x - largest), of rows held in registers.
template <class T, int N, int Most>
DEVICE void shift_and_sum(const Held<T, N, Most> &row, const T *x, i64 n, float &top, float &sum) {
    float most = -INF, total = 0;
    row.each(x, n, [&](i64, const float(&v)[N]) {
#pragma unroll
        for (int e = 0; e < N; e++) most = fmaxf(most, v[e]);
    });
    top = group_max(most);
    row.each(x, n, [&](i64, const float(&v)[N]) {
#pragma unroll
        for (int e = 0; e < N; e++) total += exp_for<T>(v[e] - top);
    });
    sum = group_sum(total);
}

// The same in one reading.
template <class T, int N>
DEVICE void shift_and_sum(const Streamed<T, N> &row, const T *x, i64 n, float &top, float &sum) {
    float most = -INF, total = 0;
    row.each(x, n, [&](i64, const float(&v)[N]) {
        float larger = most;
#pragma unroll
        for (int e = 0; e < N; e++) larger = fmaxf(larger, v[e]);
        if (larger > most) {
            total *= most == -INF ? 1.0f : exp_for<T>(most - larger);  // nothing yet, or a NaN to be kept
            most = larger;
        }
#pragma unroll
        for (int e = 0; e < N; e++) total += v[e] == -INF ? 0.0f : exp_for<T>(v[e] - most);
    });
    top = group_max(most);
    sum = group_sum(most == -INF && total == 0 ? 0.0f : total * exp_for<T>(most - top));
}

template <class Values, class T>
DEVICE void forward(const T *x, T *y, i64 rows, i64 n, bool log) {
    constexpr int N = Values::N;
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const T *from = x + i * n;
        T *to = y + i * n;
        const Values row(from, n);
        float top, sum;
        shift_and_sum(row, from, n, top, sum);
        const float scale = 1 / sum, shift = logf(sum);
        row.each(from, n, [&](i64 j, const float(&v)[N]) {
            float result[N];
#pragma unroll
            for (int e = 0; e < N; e++) result[e] = log ? v[e] - top - shift : exp_for<T>(v[e] - top) * scale;
            put<T, N>(to + j, result);
        });
    }
}

// dx = y (dy - sum(dy y)); of the logarithm dx = dy - exp(y) sum(dy).
template <class Values, class T>
DEVICE void backward(const T *dy, const T *y, T *dx, i64 rows, i64 n, bool log) {
    constexpr int N = Values::N;
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const T *from = dy + i * n, *result = y + i * n;
        T *to = dx + i * n;
        const Values row(from, n), other(result, n);
        float total = 0;
        both(row, from, other, result, n, [&](i64, const float(&d)[N], const float(&p)[N]) {
#pragma unroll
            for (int e = 0; e < N; e++) total += log ? d[e] : d[e] * p[e];
        });
        total = group_sum(total);
        both(row, from, other, result, n, [&](i64 j, const float(&d)[N], const float(&p)[N]) {
            float v[N];
#pragma unroll
            for (int e = 0; e < N; e++) v[e] = log ? d[e] - exp_for<T>(p[e]) * total : p[e] * (d[e] - total);
            put<T, N>(to + j, v);
        });
    }
}

#define COMMA ,
#define FORMS(MAKE, OP, LOG, T, NAME, MOST)          \
    MAKE(OP, , LOG, T, NAME, Held<T COMMA V<T> COMMA MOST>) \
    MAKE(OP, _long, LOG, T, NAME, Streamed<T COMMA V<T>>)   \
    MAKE(OP, _odd, LOG, T, NAME, Streamed<T COMMA 1>)
#define FORWARD(OP, SUFFIX, LOG, T, NAME, VALUES)                                      \
    KERNEL(1024) OP##_v2_group_##NAME##SUFFIX(const T *x, T *y, i64 rows, i64 n) {     \
        forward<VALUES>(x, y, rows, n, LOG);                                           \
    }
#define BACKWARD(OP, SUFFIX, LOG, T, NAME, VALUES)                                                    \
    KERNEL(1024) OP##_v2_group_##NAME##SUFFIX(const T *dy, const T *y, T *dx, i64 rows, i64 n) {      \
        backward<VALUES>(dy, y, dx, rows, n, LOG);                                                    \
    }
#define DEFINE(T, NAME)                                                  \
    FORMS(FORWARD, softmax, false, T, NAME, HELD)                        \
    FORMS(FORWARD, log_softmax, true, T, NAME, HELD)                     \
    FORMS(BACKWARD, softmax_grad, false, T, NAME, HELD_OF_TWO)           \
    FORMS(BACKWARD, log_softmax_grad, true, T, NAME, HELD_OF_TWO)
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
