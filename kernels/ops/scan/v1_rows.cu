// A block to a row, which it goes through 256 elements at a time: a scan within each warp by shuffles, the warps'
// results through shared memory, and what came before carried along.
// Learned: the next elements are read before the present ones are scanned, or every step would wait for memory; one
// long row still uses one processor of the card.
#include "number.cuh"

template <class Op, class T, class A>
DEVICE void scan(const T *x, T *y, i64 rows, i64 n, bool exclusive, A neutral) {
    __shared__ A of_warp[8];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    for (i64 row = blockIdx.x; row < rows; row += gridDim.x) {
        const T *from = x + row * n;
        T *to = y + row * n;
        A carried = neutral, next = threadIdx.x < n ? Number<T>::take(from[threadIdx.x]) : neutral;
        for (i64 first = 0; first < n; first += blockDim.x) {
            const i64 j = first + threadIdx.x, ahead = j + blockDim.x;
            A a = next;
            if (ahead < n) next = Number<T>::take(from[ahead]);
#pragma unroll
            for (int step = 1; step < 32; step *= 2) {
                const A other = __shfl_up_sync(0xffffffffu, a, step);
                if (lane >= step) a = Op::both(other, a);
            }
            if (lane == 31) of_warp[warp] = a;
            __syncthreads();
            A before = carried;
            for (int w = 0; w < 8; w++) {
                if (w == warp) before = carried;
                carried = Op::both(carried, of_warp[w]);
            }
            A left = __shfl_up_sync(0xffffffffu, a, 1);
            left = lane == 0 ? before : Op::both(before, left);
            if (j < n) to[j] = Number<T>::give(exclusive ? left : Op::both(before, a));
            __syncthreads();
        }
    }
}

#define DEFINE(OP, OF, T, NAME, NEUTRAL)                                                                     \
    KERNEL(256) OP##_v1_rows_##NAME(const T *x, T *y, i64 rows, i64 n, i64 exclusive) {                      \
        typedef Number<T>::A A;                                                                              \
        scan<OF<A>>(x, y, rows, n, exclusive, static_cast<A>(NEUTRAL));                                      \
    }
#define FLOAT(T, NAME)                                             \
    DEFINE(cumsum, Sum, T, NAME, 0)                                \
    DEFINE(cumprod, Product, T, NAME, 1)                           \
    DEFINE(cummax, Largest, T, NAME, Number<T>::least())
FLOAT(float, f32)
FLOAT(bf16, bf16)
FLOAT(f16, f16)
DEFINE(cumsum, Sum, i64, i64, 0)
DEFINE(cummax, Largest, i64, i64, Number<i64>::least())
