// Products of int8 by the instruction that multiplies and adds four at a time (VNNI).
// Learned: it takes one operand without a sign. x gets 128 added, once; 128 times the sum of a row of the weight is
// taken off again, and the same instruction finds that sum. Four rows of each at a time ask for eight loads per
// sixteen products.
#include "activations.h"

constexpr int STEP = 64;
constexpr int SIDE = 4;

static inline __m512i multiply_add(__m512i sums, __m512i without_sign, __m512i with_sign) {
    return _mm512_dpbusd_epi32(sums, without_sign, with_sign);
}

// R rows of x (128 added, `line` apart) times C rows of the weight.
template <int R, int C>
static void dots(const uint8_t *x, int64_t line, const int8_t *weight, int64_t k, int32_t (&sums)[SIDE][SIDE]) {
    __m512i parts[R][C], of_weight[C];
    const __m512i ones = _mm512_set1_epi8(1);
    for (int c = 0; c < C; c++) {
        of_weight[c] = _mm512_setzero_si512();
        for (int r = 0; r < R; r++) parts[r][c] = _mm512_setzero_si512();
    }
    for (int64_t i = 0; i < k; i += STEP) {
        const __mmask64 there = k - i < STEP ? (__mmask64(1) << (k - i)) - 1 : ~__mmask64(0);
        __m512i w[C];
#pragma GCC unroll 4
        for (int c = 0; c < C; c++) {
            w[c] = _mm512_maskz_loadu_epi8(there, weight + c * k + i);
            of_weight[c] = multiply_add(of_weight[c], ones, w[c]);
        }
#pragma GCC unroll 4
        for (int r = 0; r < R; r++) {
            __m512i a = _mm512_loadu_si512(x + r * line + i);
#pragma GCC unroll 4
            for (int c = 0; c < C; c++) parts[r][c] = multiply_add(parts[r][c], a, w[c]);
        }
    }
    for (int c = 0; c < C; c++) {
        int32_t correction = 128 * _mm512_reduce_add_epi32(of_weight[c]);
        for (int r = 0; r < R; r++) sums[r][c] = _mm512_reduce_add_epi32(parts[r][c]) - correction;
    }
}

template <int R>
static void dots(int64_t columns, const uint8_t *x, int64_t line, const int8_t *weight, int64_t k,
                 int32_t (&sums)[SIDE][SIDE]) {
    if (columns == 4) dots<R, 4>(x, line, weight, k, sums);
    if (columns == 3) dots<R, 3>(x, line, weight, k, sums);
    if (columns == 2) dots<R, 2>(x, line, weight, k, sums);
    if (columns == 1) dots<R, 1>(x, line, weight, k, sums);
}

template <class T>
static int linear(const T *x, const int8_t *weight, const float *absmax, const T *bias, T *y, int64_t rows, int64_t k,
                  int64_t n, float threshold, int threads) {
    Activations<T> a(x, rows, k, STEP, threshold, threads);
    if (!a.complete) return NO_MEMORY;
    uint8_t *codes = (uint8_t *)a.codes.get();
    for (int64_t i = 0; i < rows * a.line; i++) codes[i] ^= 128;
    parallel_for((n + SIDE - 1) / SIDE, 65536 / (rows * k + 1) + 1, threads, [&](int64_t begin, int64_t end) {
        for (int64_t j = begin * SIDE; j < n && j < end * SIDE; j += SIDE) {
            int64_t columns = n - j < SIDE ? n - j : SIDE;
            for (int64_t m = 0; m < rows; m += SIDE) {
                int32_t sums[SIDE][SIDE];
                int64_t count = rows - m < SIDE ? rows - m : SIDE;
                if (count == 4) dots<4>(columns, codes + m * a.line, a.line, weight + j * k, k, sums);
                if (count == 3) dots<3>(columns, codes + m * a.line, a.line, weight + j * k, k, sums);
                if (count == 2) dots<2>(columns, codes + m * a.line, a.line, weight + j * k, k, sums);
                if (count == 1) dots<1>(columns, codes + m * a.line, a.line, weight + j * k, k, sums);
                for (int64_t r = 0; r < count; r++)
                    for (int64_t c = 0; c < columns; c++)
                        y[(m + r) * n + j + c] =
                            narrow<T>(float(sums[r][c]) * (a.absmax[m + r] * absmax[j + c] / 16129) +
                                      a.outlying(m + r, weight + (j + c) * k, absmax[j + c]) +
                                      (bias ? widen(bias[j + c]) : 0.0f));
            }
        }
    });
    return OK;
}

#define DEFINE(T, NAME)                                                                                             \
    KERNEL int8_linear_v3_vnni_##NAME(const T *x, const int8_t *weight, const float *absmax, const T *bias, T *y,   \
                                      int64_t rows, int64_t k, int64_t n, double threshold, int threads) {          \
        return linear(x, weight, absmax, bias, y, rows, k, n, float(threshold), threads);                           \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
