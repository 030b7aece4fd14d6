// A reduction cut into so many parts that the card is full: `_rows` where the axis is the last one (a group of
// threads reads a part of a row, 16 bytes at a time, or one element, `_odd`), `_columns` where it is not (32 columns
// to a block, so that neighbouring threads read neighbouring addresses). With more than one part (gridDim.y) the
// partial results go to scratch memory and `_combine` takes them together, in order: the same bits every time.
// Learned: the number of parts, not the arithmetic, decides: one long row in one block uses a hundredth of the card.
#include "kernel.cuh"
#include "reduce.cuh"
#include "row.cuh"

struct Sum {
    typedef double A;
    static DEVICE A start() { return 0; }
    static DEVICE A take(float v) { return v; }
    DEVICE A operator()(A a, A b) const { return a + b; }
    static DEVICE float result(A a, i64) { return static_cast<float>(a); }
};
struct Mean : Sum {
    static DEVICE float result(A a, i64 n) { return static_cast<float>(a / static_cast<double>(n)); }
};
struct Prod : Sum {
    static DEVICE A start() { return 1; }
    DEVICE A operator()(A a, A b) const { return a * b; }
};
struct L2 : Sum {
    static DEVICE A take(float v) { return static_cast<A>(v) * v; }
    static DEVICE float result(A a, i64) { return static_cast<float>(sqrt(a)); }
};
struct Largest {  // a NaN wins
    typedef float A;
    static DEVICE A start() { return -INF; }
    static DEVICE A take(float v) { return v; }
    DEVICE A operator()(A a, A b) const { return a > b || a != a ? a : b; }
    static DEVICE float result(A a, i64) { return a; }
};
struct Smallest : Largest {
    static DEVICE A start() { return INF; }
    DEVICE A operator()(A a, A b) const { return a < b || a != a ? a : b; }
};

// The elements [from, to) of the axis that this part takes; `unit` divides where it begins.
DEVICE void part(i64 n, i64 unit, i64 &from, i64 &to) {
    const i64 units = (n + unit - 1) / unit, each = (units + gridDim.y - 1) / gridDim.y * unit;
    from = blockIdx.y * each < n ? blockIdx.y * each : n;
    to = from + each < n ? from + each : n;
}

// Scratch memory begins with the number of parts.
DEVICE void note_parts(void *scratch) {
    if (blockIdx.x == 0 && blockIdx.y == 0 && threadIdx.x == 0 && threadIdx.y == 0)
        *static_cast<u32 *>(scratch) = gridDim.y;
}
template <class Op>
DEVICE typename Op::A *partials(void *scratch) {
    return reinterpret_cast<typename Op::A *>(static_cast<char *>(scratch) + SCRATCH_HEAD);
}

template <class Op, class T>
DEVICE void give(typename Op::A value, T *y, i64 at, i64 results, i64 n, void *scratch) {
    if (gridDim.y == 1)
        y[at] = narrow<T>(Op::result(value, n));
    else
        partials<Op>(scratch)[blockIdx.y * results + at] = value;
}

template <class Op, int N, class T>
DEVICE void rows(const T *x, T *y, i64 outer, i64 n, void *scratch) {
    typedef typename Op::A A;
    i64 from, to;
    note_parts(scratch);
    part(n, N, from, to);
    for (i64 i = first_row(); i < outer; i += row_stride()) {
        A a = Op::start();
        Streamed<T, N>(x, n).each(x + i * n + from, to - from, [&](i64, const float(&v)[N]) {
#pragma unroll
            for (int e = 0; e < N; e++) a = Op()(a, Op::take(v[e]));
        });
        a = group_all(a, Op(), Op::start());
        if (threadIdx.x == 0) give<Op>(a, y, i, outer, n, scratch);
    }
}

// Blocks of 32 x 8: threadIdx.y takes every eighth element of the part.
template <class Op, class T>
DEVICE void columns(const T *x, T *y, i64 outer, i64 n, i64 inner, void *scratch) {
    typedef typename Op::A A;
    __shared__ A partial[8][32];
    const i64 wide = (inner + 31) / 32;
    i64 from, to;
    note_parts(scratch);
    part(n, 1, from, to);
    for (i64 tile = blockIdx.x; tile < outer * wide; tile += gridDim.x) {
        const i64 i = tile / wide, j = tile % wide * 32 + threadIdx.x;
        A a = Op::start();
        if (j < inner) {
            const T *p = x + i * n * inner + j;
#pragma unroll 4
            for (i64 k = from + threadIdx.y; k < to; k += 8) a = Op()(a, Op::take(widen(p[k * inner])));
        }
        partial[threadIdx.y][threadIdx.x] = a;
        __syncthreads();
        if (threadIdx.y == 0 && j < inner) {
            for (int k = 1; k < 8; k++) a = Op()(a, partial[k][threadIdx.x]);
            give<Op>(a, y, i * inner + j, outer * inner, n, scratch);
        }
        __syncthreads();
    }
}

// A warp to a result.
template <class Op, class T>
DEVICE void combine(T *y, i64 results, i64 n, void *scratch) {
    typedef typename Op::A A;
    const i64 parts = *static_cast<const u32 *>(scratch);
    for (i64 i = first_row(); i < results; i += row_stride()) {
        A a = Op::start();
        for (i64 k = threadIdx.x; k < parts; k += 32) a = Op()(a, partials<Op>(scratch)[k * results + i]);
        a = warp_all(a, Op());
        if (threadIdx.x == 0) y[i] = narrow<T>(Op::result(a, n));
    }
}

#define STEP(OP, SUFFIX, T, NAME) \
    KERNEL(512) reduce_##OP##_v2_split_##NAME##SUFFIX(const T *x, T *y, i64 outer, i64 n, i64 inner, void *scratch)
#define DEFINE(OP, OF, T, NAME)                                                                  \
    STEP(OP, _rows, T, NAME) { rows<OF, V<T>>(x, y, outer, n, scratch); }                        \
    STEP(OP, _odd, T, NAME) { rows<OF, 1>(x, y, outer, n, scratch); }                            \
    STEP(OP, _columns, T, NAME) { columns<OF>(x, y, outer, n, inner, scratch); }                 \
    STEP(OP, _combine, T, NAME) { combine<OF>(y, outer * inner, n, scratch); }
#define ALL(T, NAME)            \
    DEFINE(sum, Sum, T, NAME)   \
    DEFINE(mean, Mean, T, NAME) \
    DEFINE(prod, Prod, T, NAME) \
    DEFINE(max, Largest, T, NAME) \
    DEFINE(min, Smallest, T, NAME) \
    DEFINE(l2, L2, T, NAME)
ALL(float, f32)
ALL(bf16, bf16)
ALL(f16, f16)
