// One thread to an element of the result; for the gradient one to an element of the table, which goes through all
// indices.
// Learned: the copy is nearly as fast as memory already. The gradient reads all indices for every row of the table:
// rows times n; but it needs no atomics, so it gives the same bits every time. An index out of range, which a card
// cannot refuse, gives a row of NaN.
#include "kernel.cuh"

template <class I>
DEVICE void forward(const float *table, const I *indices, float *y, i64 rows, i64 d, i64 n) {
    const i64 at = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (at >= n * d) return;
    const i64 row = indices[at / d];
    y[at] = row >= 0 && row < rows ? table[row * d + at % d] : INF - INF;
}

template <class I>
DEVICE void backward(const float *dy, const I *indices, float *dtable, i64 n, i64 d, i64 rows, i64 padding) {
    const i64 at = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (at >= rows * d) return;
    float sum = 0;
    if (at / d != padding)
        for (i64 i = 0; i < n; i++)
            if (indices[i] == at / d) sum += dy[i * d + at % d];
    dtable[at] = sum;
}

#define DEFINE(I, NAME)                                                                                         \
    KERNEL(256) embedding_v1_naive_f32_##NAME(const float *table, const I *indices, float *y, i64 rows, i64 d,  \
                                              i64 n) {                                                          \
        forward(table, indices, y, rows, d, n);                                                                 \
    }                                                                                                           \
    KERNEL(256) embedding_grad_v1_naive_f32_##NAME(const float *dy, const I *indices, float *dtable, i64 n,     \
                                                   i64 d, i64 rows, i64 padding_idx) {                          \
        backward(dy, indices, dtable, n, d, rows, padding_idx);                                                 \
    }
DEFINE(i64, i64)
DEFINE(int, i32)
