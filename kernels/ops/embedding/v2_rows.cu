// A group of threads to a row: 16 bytes at a time where they divide it, else (`_odd`) an element at a time. For the
// gradient the table is set to 0 (`_zero`); then a block looks for each index whether it is the first of its kind, and
// if so adds up the rows of all its kind, in their order.
// Learned: the gradient needs neither a sort nor atomics, and so gives the same bits every time: comparing all pairs
// of indices takes n^2 / 2 reads of a few kilobytes, which stay in the cache: less than the table costs up to some ten
// thousand indices.
#include "kernel.cuh"
#include "reduce.cuh"
#include "row.cuh"

template <int N, class T, class I>
DEVICE void forward(const T *table, const I *indices, T *y, i64 rows, i64 d, i64 n) {
    for (i64 i = first_row(); i < n; i += row_stride()) {
        const i64 row = indices[i];
        const bool inside = row >= 0 && row < rows;
        for (i64 j = static_cast<i64>(threadIdx.x) * N; j < d; j += static_cast<i64>(blockDim.x) * N) {
            float x[N];
#pragma unroll
            for (int e = 0; e < N; e++) x[e] = INF - INF;
            if (inside) get<T, N>(table + row * d + j, x);
            put<T, N>(y + i * d + j, x);
        }
    }
}

// Threads look at as many indices at once as there are; `found` keeps the places of those alike, in order.
template <int N, class T, class I>
DEVICE void backward(const T *dy, const I *indices, T *dtable, i64 n, i64 d, i64 rows, i64 padding) {
    __shared__ int found[256], counts[8];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    for (i64 i = blockIdx.x; i < n; i += gridDim.x) {
        const i64 row = indices[i];
        int earlier = row < 0 || row >= rows || row == padding;
        for (i64 j = threadIdx.x; j < i && !earlier; j += blockDim.x) earlier = indices[j] == row;
        if (__syncthreads_or(earlier)) continue;
        for (i64 first = 0; first < d; first += static_cast<i64>(blockDim.x) * N) {
            const i64 column = first + static_cast<i64>(threadIdx.x) * N;
            float sum[N] = {};
            for (i64 from = i; from < n; from += blockDim.x) {
                const bool alike = from + threadIdx.x < n && indices[from + threadIdx.x] == row;
                const u32 votes = __ballot_sync(0xffffffffu, alike);
                if (lane == 0) counts[warp] = __popc(votes);
                __syncthreads();
                int before = 0, all = 0;
                for (int w = 0; w < warps; w++) {
                    before += w < warp ? counts[w] : 0;
                    all += counts[w];
                }
                if (alike) found[before + __popc(votes & ((1u << lane) - 1))] = threadIdx.x;
                __syncthreads();
                for (int k = 0; k < all && column < d; k++) {
                    float x[N];
                    get<T, N>(dy + (from + found[k]) * d + column, x);
#pragma unroll
                    for (int e = 0; e < N; e++) sum[e] += x[e];
                }
                __syncthreads();
            }
            if (column < d) put<T, N>(dtable + row * d + column, sum);
        }
    }
}

template <class T>
DEVICE void zero(T *p, i64 n) {
    const i64 first = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x, step = static_cast<i64>(gridDim.x) * blockDim.x;
    for (i64 i = first; i < n / V<T>; i += step) store16(p + i * V<T>, make_uint4(0, 0, 0, 0));
    for (i64 i = n / V<T> * V<T> + first; i < n; i += step) p[i] = narrow<T>(0);
}

#define FORWARD(T, I, NAME, SUFFIX, N)                                                                           \
    KERNEL(1024) embedding_v2_rows_##NAME##SUFFIX(const T *table, const I *indices, T *y, i64 rows, i64 d,       \
                                                  i64 n) {                                                       \
        forward<N>(table, indices, y, rows, d, n);                                                               \
    }
#define GRADIENT(T, I, NAME, SUFFIX)                                                                             \
    KERNEL(256) embedding_grad_v2_rows_##NAME##SUFFIX(const T *dy, const I *indices, T *dtable, i64 n, i64 d,   \
                                                       i64 rows, i64 padding_idx)
#define DEFINE(T, I, NAME)                                                                                       \
    FORWARD(T, I, NAME, , V<T>)                                                                                  \
    FORWARD(T, I, NAME, _odd, 1)                                                                                 \
    GRADIENT(T, I, NAME, _zero) { zero(dtable, rows * d); }                                                      \
    GRADIENT(T, I, NAME, ) { backward<V<T>>(dy, indices, dtable, n, d, rows, padding_idx); }                     \
    GRADIENT(T, I, NAME, _odd) { backward<1>(dy, indices, dtable, n, d, rows, padding_idx); }
DEFINE(float, i64, f32_i64)
DEFINE(bf16, i64, bf16_i64)
DEFINE(f16, i64, f16_i64)
DEFINE(float, int, f32_i32)
DEFINE(bf16, int, bf16_i32)
DEFINE(f16, int, f16_i32)
