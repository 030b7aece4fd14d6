// One thread to an element of the result: the sum of k products.
// Learned: right, and a measure for the rest: each of the k steps fetches two elements for two operations.
#include "problem.cuh"

template <class Acc, class P>
DEVICE void element(const P &product, i64 i, i64 j) {
    Acc sum = 0;
    for (i64 d = 0; d < product.a.depth; d++)
        sum += static_cast<Acc>(widen(*product.a.at(i, d)) * widen(*product.b.at(j, d)));
    product.result.store(i, j, sum);
}

DEVICE int widen(signed char x) { return x; }

DEVICE i64 thread_index() { return static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; }

#define MATMUL(T, O, NAME)                                                                                        \
    KERNEL(256) matmul_v1_naive_##NAME(const T *a, const T *b, const T *bias, O *out, i64 batch, i64 am, i64 ak,  \
                                       i64 matrices, i64 bk, i64 bn, i64 n, i64 m, i64 ta, i64 tb,                \
                                       double alpha) {                                                            \
        const i64 i = thread_index();                                                                             \
        if (i >= batch * m * n) return;                                                                           \
        const auto product =                                                                                      \
            product_of(i / (m * n), a, b, bias, out, am, ak, matrices, bk, bn, n, m, ta != 0, tb != 0, alpha);    \
        element<float>(product, i / n % m, i % n);                                                                \
    }
MATMUL(float, float, f32_f32)
MATMUL(bf16, bf16, bf16_bf16)
MATMUL(f16, f16, f16_f16)
MATMUL(bf16, float, bf16_f32)
MATMUL(f16, float, f16_f32)

#define GROUPED(T, NAME)                                                                                          \
    KERNEL(256) grouped_matmul_v1_naive_##NAME(const T *x, const T *w, const i64 *ends, T *out, i64 tokens,       \
                                               i64 k, i64 experts, i64 wk, i64 wn, i64 n, i64 turned) {           \
        const i64 i = thread_index();                                                                             \
        if (i >= tokens * n) return;                                                                              \
        i64 slot = i / n;                                                                                         \
        Group group;                                                                                              \
        if (!find_group(ends, experts, tokens, 1, slot, group)) return;                                           \
        element<float>(product_of(group, x, w, out, k, experts, wk, wn, n, turned != 0), slot, i % n);            \
    }
GROUPED(float, f32)
GROUPED(bf16, bf16)
GROUPED(f16, f16)

#define INT8(O, NAME)                                                                                             \
    KERNEL(256) matmul_int8_v1_naive_##NAME(const signed char *a, const signed char *b, const float *a_scale,     \
                                            const float *b_scale, const float *bias, O *out, i64 rows, i64 k,     \
                                            i64 bk, i64 bn, i64 n, i64 turned) {                                     \
        const i64 i = thread_index();                                                                             \
        if (i >= rows * n) return;                                                                                \
        struct {                                                                                                  \
            Operand<signed char> a, b;                                                                            \
            Result<O, float> result;                                                                              \
        } product = {{a, k, rows, k, true}, {b, bn, n, k, turned != 0}, {out, n, 1, a_scale, b_scale, bias}};     \
        element<int>(product, i / n, i % n);                                                                      \
    }
INT8(float, f32)
INT8(bf16, bf16)
