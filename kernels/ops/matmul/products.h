// From the arguments of a call to products of two operands, for any Engine: a Kernel, the functions that pack rows
// and columns for it, elements per word, and up to how many lines an operand is better read as it is (FEWEST).
#pragma once
#include "skinny.h"

namespace gemm {

template <class Engine, class T, class O>
int product(const Lines &a, const Lines &b, const Output &out, int threads) {
    if (a.lines <= Engine::FEWEST || b.lines <= Engine::FEWEST) return skinny<T, O>(a, b, out, threads);
    constexpr bool floats = Engine::AS_IT_IS;
    Operand rows = {a, Engine::ROWS, Engine::PER_WORD, floats};
    Operand columns = {b, Engine::COLUMNS, Engine::PER_WORD, floats};
    return divide<typename Engine::Kernel>(rows, columns, a.depth, out, finish<float, O>, threads);
}

template <class Engine, class T, class O>
int matmul(const T *a, const T *b, const T *bias, O *out, int64_t batch, int64_t am, int64_t ak, int64_t matrices,
           int64_t bk, int64_t bn, int64_t n, int64_t m, bool ta, bool tb, float alpha, int threads) {
    const int64_t k = ta ? am : ak;
    const float *wide;
    if (!widened(bias, n, &wide)) return NO_MEMORY;
    if (matrices == 1 && !ta) m *= batch, batch = 1;  // one tall matrix
    return for_batch(batch, threads, [=](int64_t i, int threads) {
        Lines rows = {a + i * m * k, ta ? m : k, m, k, !ta};
        Lines columns = {b + (matrices == 1 ? 0 : i * bk * bn), bn, n, k, tb};
        Output to = {out + i * m * n, n, sizeof(O), alpha, nullptr, nullptr, wide};
        return product<Engine, T, O>(rows, columns, to, threads);
    });
}

template <class Engine, class T>
int grouped(const T *x, const T *w, const int64_t *ends, T *out, int64_t tokens, int64_t k, int64_t experts,
            int64_t wn, int64_t n, bool turned, int threads) {
    if (!ends_fit(ends, experts, tokens)) return BAD_INDEX;
    int64_t begin = 0;
    for (int64_t e = 0; e < experts; begin = ends[e++]) {
        if (ends[e] == begin) continue;
        Lines rows = {x + begin * k, k, ends[e] - begin, k, true}, columns = {w + e * k * n, wn, n, k, turned};
        Output to = {out + begin * n, n, sizeof(T), 1, nullptr, nullptr, nullptr};
        if (int fault = product<Engine, T, T>(rows, columns, to, threads)) return fault;
    }
    memset((void *)(out + begin * n), 0, (tokens - begin) * n * sizeof(T));
    return OK;
}

template <class Engine, class O>
int int8(const int8_t *a, const int8_t *b, const float *a_scale, const float *b_scale, const float *bias, O *out,
         int64_t rows, int64_t k, int64_t bn, int64_t n, bool turned, int threads) {
    Operand left = {{a, k, rows, k, true}, Engine::ROWS, Engine::PER_WORD, false};
    Operand right = {{b, bn, n, k, turned}, Engine::COLUMNS, Engine::PER_WORD, false};
    Output to = {out, n, sizeof(O), 1, a_scale, b_scale, bias};
    return divide<typename Engine::Kernel>(left, right, k, to, finish<int32_t, O>, threads);
}

}  // namespace gemm

#define MATMUL(VERSION, ENGINE, T, O, NAME)                                                                      \
    KERNEL matmul_##VERSION##_##NAME(const T *a, const T *b, const T *bias, O *out, int64_t batch, int64_t am,   \
                                     int64_t ak, int64_t matrices, int64_t bk, int64_t bn, int64_t n, int64_t m, \
                                     int64_t transpose_a, int64_t transpose_b, double alpha, int threads) {      \
        return gemm::matmul<ENGINE>(a, b, bias, out, batch, am, ak, matrices, bk, bn, n, m, transpose_a,         \
                                    transpose_b, float(alpha), threads);                                         \
    }

#define GROUPED(VERSION, ENGINE, T, NAME)                                                                        \
    KERNEL grouped_matmul_##VERSION##_##NAME(const T *x, const T *w, const int64_t *ends, T *out,                \
                                             int64_t tokens, int64_t k, int64_t experts, int64_t, int64_t wn,    \
                                             int64_t n, int64_t transpose_w, int threads) {                      \
        return gemm::grouped<ENGINE>(x, w, ends, out, tokens, k, experts, wn, n, transpose_w, threads);          \
    }

#define INT8(VERSION, ENGINE, O, NAME)                                                                           \
    KERNEL matmul_int8_##VERSION##_##NAME(const int8_t *a, const int8_t *b, const float *a_scale,                \
                                          const float *b_scale, const float *bias, O *out, int64_t rows,         \
                                          int64_t k, int64_t, int64_t bn, int64_t n, int64_t transpose_b,        \
                                          int threads) {                                                         \
        return gemm::int8<ENGINE>(a, b, a_scale, b_scale, bias, out, rows, k, bn, n, transpose_b, threads);      \
    }
