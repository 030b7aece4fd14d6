// Rows in parts, a block to each: what a part comes to (`_parts`), what comes before each (`_carry`), then its elements.
// A row of one part is done in one launch. A thread has eight neighbouring elements.
// Learned: reading the elements twice costs half as much again as reading and writing them once, but a long row now
// uses the whole card, and nobody waits for a neighbour, as in a single pass that looks back; the order of adding is
// fixed. Scanning within a thread first leaves an eighth of the shuffles.
#include "number.cuh"

constexpr int THREADS = 256, EACH = 8, TILE = THREADS * EACH, PART = 4 * TILE;

DEVICE i64 parts_of(i64 n) { return (n + PART - 1) / PART; }

// Eight elements, `count` of which are there.
template <class T, class A>
DEVICE void load(const T *x, bool whole, i64 count, A neutral, A (&a)[EACH]) {
    if (whole && count >= EACH) {
        union {
            uint4 raw[EACH * sizeof(T) / 16];
            T item[EACH];
        } z;
#pragma unroll
        for (int i = 0; i < EACH * sizeof(T) / 16; i++) z.raw[i] = load16(x + i * (16 / sizeof(T)));
#pragma unroll
        for (int e = 0; e < EACH; e++) a[e] = static_cast<A>(Number<T>::take(z.item[e]));
    } else {
#pragma unroll
        for (int e = 0; e < EACH; e++) a[e] = e < count ? static_cast<A>(Number<T>::take(x[e])) : neutral;
    }
}
template <class T, class A>
DEVICE void store(T *y, bool whole, i64 count, const A (&a)[EACH]) {
    if (whole && count >= EACH) {
        union {
            uint4 raw[EACH * sizeof(T) / 16];
            T item[EACH];
        } z;
#pragma unroll
        for (int e = 0; e < EACH; e++) z.item[e] = Number<T>::give(static_cast<typename Number<T>::A>(a[e]));
#pragma unroll
        for (int i = 0; i < EACH * sizeof(T) / 16; i++) store16(y + i * (16 / sizeof(T)), z.raw[i]);
    } else {
#pragma unroll
        for (int e = 0; e < EACH; e++)
            if (e < count) y[e] = Number<T>::give(static_cast<typename Number<T>::A>(a[e]));
    }
}

// What comes before a thread's own, of all threads before it and of `carried`, to which all are added.
template <class Op, class A>
DEVICE A before(A own, A &carried) {
    __shared__ A of_warp[THREADS / 32];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
        const A other = __shfl_up_sync(0xffffffffu, own, step);
        if (lane >= step) own = Op::both(other, own);
    }
    if (lane == 31) of_warp[warp] = own;
    __syncthreads();
    A found = carried;
    for (int w = 0; w < THREADS / 32; w++) {
        if (w == warp) found = carried;
        carried = Op::both(carried, of_warp[w]);
    }
    const A left = __shfl_up_sync(0xffffffffu, own, 1);
    __syncthreads();
    return lane == 0 ? found : Op::both(found, left);
}

// The elements of a part from its first one on; write(place, how many, inclusive values before which comes `left`).
template <class Op, class T, class A, class F>
DEVICE void scan_part(const T *row, i64 n, i64 first, bool whole, A &carried, A neutral, F write) {
    const i64 end = first + PART < n ? first + PART : n;
    for (i64 tile = first; tile < end; tile += TILE) {
        const i64 at = tile + threadIdx.x * EACH;
        A a[EACH];
        load<T>(row + at, whole, end - at, neutral, a);
#pragma unroll
        for (int e = 1; e < EACH; e++) a[e] = Op::both(a[e - 1], a[e]);
        const A left = before<Op>(a[EACH - 1], carried);
        write(at, end - at, a, left);
    }
}

template <class Op, class T, class A>
DEVICE void reduce_parts(const T *x, i64 rows, i64 n, A *totals, A neutral) {
    const i64 parts = parts_of(n);
    for (i64 job = blockIdx.x; job < rows * parts; job += gridDim.x) {
        A carried = neutral;
        scan_part<Op>(x + job / parts * n, n, job % parts * PART, n * sizeof(T) % 16 == 0, carried, neutral,
                      [](i64, i64, A(&)[EACH], A) {});
        if (threadIdx.x == 0) totals[job] = carried;
    }
}

// Totals become what comes before each part.
template <class Op, class A>
DEVICE void carry(i64 rows, i64 n, A *totals, A neutral) {
    const i64 parts = parts_of(n);
    for (i64 row = blockIdx.x; row < rows; row += gridDim.x) {
        A carried = neutral;
        for (i64 first = 0; first < parts; first += THREADS) {
            const i64 part = first + threadIdx.x;
            const A own = part < parts ? totals[row * parts + part] : neutral;
            const A left = before<Op>(own, carried);
            if (part < parts) totals[row * parts + part] = left;
        }
    }
}

template <class Op, class T, class A>
DEVICE void scan(const T *x, T *y, i64 rows, i64 n, bool exclusive, const A *totals, A neutral) {
    const i64 parts = parts_of(n);
    const bool whole = n * sizeof(T) % 16 == 0;
    for (i64 job = blockIdx.x; job < rows * parts; job += gridDim.x) {
        A carried = parts > 1 ? totals[job] : neutral;
        T *to = y + job / parts * n;
        scan_part<Op>(x + job / parts * n, n, job % parts * PART, whole, carried, neutral,
                      [&](i64 at, i64 count, A(&a)[EACH], A left) {
#pragma unroll
                          for (int e = EACH - 1; e >= 0; e--)
                              a[e] = exclusive ? e ? Op::both(left, a[e - 1]) : left : Op::both(left, a[e]);
                          store(to + at, whole, count, a);
                      });
    }
}

// A: what is added up in. Products are in double precision: in float32 each would be rounded some twenty times.
#define KERNELS(OP, OF, T, NAME, A, NEUTRAL)                                                                           \
    KERNEL(THREADS) OP##_v2_parts_##NAME##_parts(const T *x, T *y, i64 rows, i64 n, i64 exclusive, void *scratch) {    \
        reduce_parts<OF<A>>(x, rows, n, static_cast<A *>(scratch), static_cast<A>(NEUTRAL));                           \
    }                                                                                                                  \
    KERNEL(THREADS) OP##_v2_parts_##NAME##_carry(const T *x, T *y, i64 rows, i64 n, i64 exclusive, void *scratch) {    \
        carry<OF<A>>(rows, n, static_cast<A *>(scratch), static_cast<A>(NEUTRAL));                                     \
    }                                                                                                                  \
    KERNEL(THREADS) OP##_v2_parts_##NAME(const T *x, T *y, i64 rows, i64 n, i64 exclusive, void *scratch) {            \
        scan<OF<A>>(x, y, rows, n, exclusive != 0, static_cast<const A *>(scratch), static_cast<A>(NEUTRAL));          \
    }
#define FLOAT(T, NAME)                                \
    KERNELS(cumsum, Sum, T, NAME, float, 0)           \
    KERNELS(cumprod, Product, T, NAME, double, 1)     \
    KERNELS(cummax, Largest, T, NAME, float, -INF)
FLOAT(float, f32)
FLOAT(bf16, bf16)
FLOAT(f16, f16)
KERNELS(cumsum, Sum, i64, i64, i64, 0)
KERNELS(cummax, Largest, i64, i64, i64, Number<i64>::least())
