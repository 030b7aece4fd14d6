// Rows of activations to int8, and the gradient by a thread to four rows of a column.
// Learned: columns with outliers are marked by whoever meets one: all write the same, so the order does not matter;
// codes of these columns need all marks, hence steps of their own.
#include "rows.cuh"

template <class T>
DEVICE void gradient(const T *grad, const signed char *weight, const float *absmax, T *dx, i64 rows, i64 n, i64 k) {
    const i64 fours = (rows + 3) / 4;
    for (i64 i = thread_number(); i < fours * k; i += thread_count()) {
        const i64 from = i / k * 4, column = i - from / 4 * k;
        const int count = up_to_8(rows - from) < 4 ? up_to_8(rows - from) : 4;
        const T *line = grad + from * n;
        const signed char *w = weight + column;
        float sums[4] = {};
        for (i64 j = 0; j < n; j++, w += k) {
            const float value = *w * (absmax[j] / 127);
#pragma unroll
            for (int m = 0; m < 4; m++)
                if (m < count) sums[m] += value * widen(line[m * n + j]);
        }
#pragma unroll
        for (int m = 0; m < 4; m++)
            if (m < count) dx[(from + m) * k + column] = narrow<T>(sums[m]);
    }
}

#define QUANTIZE(SUFFIX, T, NAME)                                                                                  \
    KERNEL(256) int8_quantize_rows_v1_rows_##NAME##SUFFIX(const T *x, signed char *codes, float *absmax,           \
                                                          u8 *outliers, i64 rows, i64 k, double threshold)
#define DEFINE(T, NAME)                                                                                            \
    QUANTIZE(_clear, T, NAME) { clear(outliers, k); }                                                              \
    QUANTIZE(_mark, T, NAME) { mark(x, outliers, rows, k, static_cast<float>(threshold)); }                        \
    QUANTIZE(, T, NAME) { encode(x, codes, absmax, outliers, rows, k, k, static_cast<float>(threshold)); }            \
    KERNEL(256) int8_linear_grad_v1_rows_##NAME(const T *grad, const signed char *weight,                          \
                                                const float *weight_absmax, T *dx, i64 rows, i64 n, i64 k) {       \
        gradient(grad, weight, weight_absmax, dx, rows, n, k);                                                     \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
