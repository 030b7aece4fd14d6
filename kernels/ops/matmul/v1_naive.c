// Three loops, as the formula says: each element of the result is the sum of k products.
// Learned: one sum after the other waits for its last addition, and the columns of b are read across its rows: a
// hundredth of what the processor can do.
#include <string.h>

#include "kernel.h"

// Element (i, j) of a matrix, as `row` and `column` are its strides.
#define AT(p, i, j, row, column) ((p)[(i) * (row) + (j) * (column)])

static void product(const float *a, int64_t a_row, int64_t a_column, const float *b, int64_t b_row,
                    int64_t b_column, const float *bias, float alpha, float *out, int64_t m, int64_t n, int64_t k) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;  // one long chain of float32 would lose what better versions keep
            for (int64_t p = 0; p < k; p++) sum += (double)AT(a, i, p, a_row, a_column) * AT(b, p, j, b_row, b_column);
            out[i * n + j] = (float)(alpha * sum + (bias ? bias[j] : 0));
        }
}

KERNEL matmul_v1_naive_f32_f32(const float *a, const float *b, const float *bias, float *out, int64_t batch,
                               int64_t am, int64_t ak, int64_t matrices, int64_t bk, int64_t bn, int64_t n, int64_t m,
                               int64_t transpose_a, int64_t transpose_b, double alpha, int threads) {
    (void)threads;
    for (int64_t i = 0; i < batch; i++)
        product(a + i * am * ak, transpose_a ? 1 : ak, transpose_a ? ak : 1, b + (matrices == 1 ? 0 : i * bk * bn),
                transpose_b ? 1 : bn, transpose_b ? bn : 1, bias, (float)alpha, out + i * m * n, m, n,
                transpose_a ? am : ak);
    return OK;
}

KERNEL grouped_matmul_v1_naive_f32(const float *x, const float *w, const int64_t *ends, float *out, int64_t tokens,
                                   int64_t k, int64_t experts, int64_t wk, int64_t wn, int64_t n, int64_t transpose_w,
                                   int threads) {
    (void)threads;
    for (int64_t e = 0; e < experts; e++)
        if (ends[e] < (e ? ends[e - 1] : 0) || ends[e] > tokens) return BAD_INDEX;
    int64_t begin = 0;
    for (int64_t e = 0; e < experts; begin = ends[e++])
        product(x + begin * k, k, 1, w + e * wk * wn, transpose_w ? 1 : wn, transpose_w ? wn : 1, 0, 1.0f,
                out + begin * n, ends[e] - begin, n, k);
    memset(out + begin * n, 0, (size_t)((tokens - begin) * n) * sizeof *out);
    return OK;
}

KERNEL matmul_int8_v1_naive_f32(const int8_t *a, const int8_t *b, const float *a_scale, const float *b_scale,
                                const float *bias, float *out, int64_t rows, int64_t k, int64_t bk, int64_t bn,
                                int64_t n, int64_t transpose_b, int threads) {
    (void)bk, (void)threads;
    int64_t row = transpose_b ? 1 : bn, column = transpose_b ? bn : 1;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++) {
            int32_t sum = 0;
            for (int64_t p = 0; p < k; p++) sum += a[i * k + p] * AT(b, p, j, row, column);
            out[i * n + j] = (float)sum * a_scale[i] * b_scale[j] + (bias ? bias[j] : 0);
        }
    return OK;
}
