// Many running results side by side, one per lane, folded together at the end: in registers along a contiguous row,
// in the nearest cache for the columns of [n, inner], whose neighbouring rows are joined to up to 128 lanes where
// inner is small.
// Learned: memory is to be read in order: rows joined to lanes along a contiguous row too took 1.4 times as long as
// registers do (1.36 ms against 0.94 for the rows of 4096x1024, one thread of a shared machine). Sums in float64 are
// right to the last bit of float32 at any length, where float32 sums need a tree to keep the error down, and cost no
// time if what is read is fetched ahead (0.70 ms against 0.91) and lanes are joined by shuffles: the rest is memory.
// A Zen 4 widens four floats from memory in half a cycle, eight in more than one, and adds where it widens but
// multiplies elsewhere: by fours, each times one, the same sums of rows take 0.24 ms there against 0.33, of everything
// 0.21 against 0.30.
// Pieces have a fixed size, so the number of threads changes no bit. Short rows are a loop of their own: the divisions by
// which a task finds its place take as long as a row of a kilobyte.
#include <cstdlib>
#include <type_traits>

#include "fetch.h"
#include "parallel.h"
#include "simd.h"

using namespace simd;

constexpr int LANES = 128;     // joined rows
constexpr int TILE = 512;      // columns worked on together: their running results stay in the nearest cache
constexpr int PIECE = 1 << 16; // elements that one partial result stands for

typedef double vd __attribute__((vector_size(W * 4)));  // half as many lanes as vf
typedef double vd4 __attribute__((vector_size(32)));

// A factor of one that the compiler does not see through: with it, an addition becomes a multiply-add.
template <class V>
inline V one() {
    V x = 1 - V{};
    asm("" : "+x"(x));
    return x;
}

// ---- the operations: what they start from, a step, the end

struct Add {
    typedef double real;
    typedef vd vector;
    static constexpr float start = 0;
    template <class V> static V step(V a, V x) {
        if constexpr (std::is_same_v<V, vd4>) x *= one<V>();
        return a + x;
    }
    template <class V> static V join(V a, V b) { return a + b; }
    static double end(double a, int64_t) { return a; }
};
struct Mean : Add {
    static double end(double a, int64_t n) { return a / double(n); }
};
struct Multiply {
    typedef double real;
    typedef vd vector;
    static constexpr float start = 1;
    template <class V> static V step(V a, V x) { return a * x; }
    template <class V> static V join(V a, V b) { return a * b; }
    static double end(double a, int64_t) { return a; }
};
struct Norm {
    typedef double real;
    typedef vd vector;
    static constexpr float start = 0;
    template <class V> static V step(V a, V x) { return a + x * x; }
    template <class V> static V join(V a, V b) { return a + b; }
    static double end(double a, int64_t) { return std::sqrt(a); }
};
struct Largest {
    typedef float real;
    typedef vf vector;
    static constexpr float start = -std::numeric_limits<float>::infinity();
    static vf step(vf a, vf x) { return max_or_nan(a, x); }
    static float step(float a, float x) { return (x > a) | (x != x) ? x : a; }
    template <class V> static V join(V a, V b) { return step(a, b); }
    static float end(float a, int64_t) { return a; }
};
struct Smallest : Largest {
    static constexpr float start = std::numeric_limits<float>::infinity();
    static vf step(vf a, vf x) { return min_or_nan(a, x); }
    static float step(float a, float x) { return (x < a) | (x != x) ? x : a; }
    template <class V> static V join(V a, V b) { return step(a, b); }
};

// The same by fours, where there are wider vectors.
template <class Op> struct ByFours : Op {
    typedef vd4 vector;
};
static const bool BY_FOURS = __builtin_cpu_is("amd");

// ---- W elements as vectors of what is accumulated

template <class V> struct HalfAsWide {
    typedef float type __attribute__((vector_size(sizeof(V) / 2)));
};
template <class V>
inline V at(const void *p) {
    V v;
    memcpy(&v, p, sizeof v);
    return v;
}
template <class V>
inline V widened(const void *p) {
#if defined(__AVX512F__)  // the compiler would do it piece by piece
    if constexpr (sizeof(V) == 64) return (V)_mm512_cvtps_pd(_mm256_loadu_ps((const float *)p));
#endif
#if defined(__AVX__)
    if constexpr (sizeof(V) == 32) return (V)_mm256_cvtps_pd(_mm_loadu_ps((const float *)p));
#endif
    return __builtin_convertvector(at<typename HalfAsWide<V>::type>(p), V);
}
inline void split(vf x, vf *v) { v[0] = x; }
template <class V>
inline void split(vf x, V *v) {
    for (int k = 0; k < int(2 * sizeof x / sizeof(V)); k++) v[k] = widened<V>((char *)&x + k * sizeof(V) / 2);
}
template <class T, class V>
inline void take(const T *p, V *v) {
    split(load(p), v);
}
template <class V>
inline void take(const float *p, V *v) {  // converted on the way from memory
    for (int k = 0; k < int(2 * sizeof(vf) / sizeof(V)); k++) v[k] = widened<V>(p + k * sizeof(V) / 8);
}
inline void take(const float *p, vf *v) { v[0] = load(p); }

// ---- running results of `columns` columns over rows that lie `stride` apart

template <class Op, int ROWS, class T>
inline void rows_into(typename Op::real *sums, const T *x, int64_t stride, int64_t columns) {
    typedef typename Op::vector V;
    constexpr int lanes = sizeof(V) / sizeof(typename Op::real), count = W / lanes;
    int64_t whole = columns / W * W;
    for (int64_t j = 0; j < whole; j += W) {
        V a[count], v[count];
        for (int k = 0; k < count; k++) a[k] = at<V>(sums + j + k * lanes);
        for (int i = 0; i < ROWS; i++) {
            fetch(x + (i + 2 * ROWS) * stride + j);
            take(x + i * stride + j, v);
            for (int k = 0; k < count; k++) a[k] = Op::step(a[k], v[k]);
        }
        for (int k = 0; k < count; k++) memcpy(sums + j + k * lanes, &a[k], sizeof(V));
    }
    if (int rest = int(columns - whole))
        for (int i = 0; i < ROWS; i++) {
            V v[count];
            split(load_some(x + i * stride + whole, rest, Op::start), v);
            for (int k = 0; k < rest; k++)
                sums[whole + k] = Op::step(sums[whole + k], v[k / lanes][k % lanes]);
        }
}

template <class Op, class T>
static void accumulate(typename Op::real *sums, const T *x, int64_t rows, int64_t stride, int64_t columns) {
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4) rows_into<Op, 4>(sums, x + i * stride, stride, columns);
    for (; i < rows; i++) rows_into<Op, 1>(sums, x + i * stride, stride, columns);
}

// The columns from..to of [rows, inner], reduced over the rows into sums[0 .. to - from); needs room for TILE.
template <class Op, class T>
static void reduce(typename Op::real *sums, const T *x, int64_t rows, int64_t inner, int64_t from, int64_t to) {
    int64_t joined = 1;
    if (from == 0 && to == inner)
        while (joined * 2 * inner <= LANES && joined * 2 <= rows) joined *= 2;
    int64_t columns = joined > 1 ? joined * inner : to - from;
    for (int64_t j = 0; j < columns; j++) sums[j] = Op::start;
    accumulate<Op>(sums, x + from, rows / joined, joined * inner, columns);
    if (int64_t rest = rows % joined)  // fewer rows than are joined: the first lanes of one more
        accumulate<Op>(sums, x + (rows - rest) * inner, 1, 0, rest * inner);
    for (int64_t half = joined / 2; half; half /= 2)
        for (int64_t j = 0; j < half * inner; j++) sums[j] = Op::join(sums[j], sums[j + half * inner]);
}

// N vectors joined: those N / 2 apart, then half of that.
template <class Op, int N, class V>
inline V joined(V *a) {
    if constexpr (N == 1) {
        return a[0];
    } else {
#pragma GCC unroll 8
        for (int i = 0; i < N / 2; i++) a[i] = Op::join(a[i], a[i + N / 2]);
        return joined<Op, N / 2>(a);
    }
}

// All lanes joined, in the first one: those HALF apart, then half of that.
template <class Op, int HALF, class V>
inline V across(V v) {
    if constexpr (HALF == 0) {
        return v;
    } else {
        decltype(v < v) other;
        for (int i = 0; i < int(sizeof v / sizeof v[0]); i++) other[i] = i ^ HALF;
        return across<Op, HALF / 2>(Op::join(v, __builtin_shuffle(v, other)));
    }
}

// n elements side by side: read in order, the running results in registers.
template <class Op, class T>
static typename Op::real in_order(const T *x, int64_t n) {
    typedef typename Op::real real;
    typedef typename Op::vector V;
    constexpr int lanes = sizeof(V) / sizeof(real), count = W / lanes, U = 32 / sizeof(real);
    V a[U * count], v[count];
#pragma GCC unroll 16
    for (int i = 0; i < U * count; i++) a[i] = real(Op::start) - V{};
    auto add = [&](int u) {
        for (int k = 0; k < count; k++) a[u * count + k] = Op::step(a[u * count + k], v[k]);
    };
    int64_t j = 0;
    for (; j + U * W <= n; j += U * W)
#pragma GCC unroll 8
        for (int u = 0; u < U; u++) {
            fetch_ahead(x + j + u * W);
            take(x + j + u * W, v);
            add(u);
        }
    for (; j + W <= n; j += W) {
        take(x + j, v);
        add(0);
    }
    if (j < n) {
        split(load_some(x + j, int(n - j), Op::start), v);
        add(1);
    }
    return across<Op, lanes / 2>(joined<Op, U * count>(a))[0];
}

// How [n, inner] is cut: pieces of rows, where the columns are few; tiles of columns.
struct Cut {
    int64_t n, inner, pieces, tiles;
    Cut(int64_t n, int64_t inner) : n(n), inner(inner) {
        tiles = (inner + TILE - 1) / TILE;
        pieces = tiles > 1 ? 1 : (n * inner + PIECE - 1) / PIECE;
        if (pieces < 1) pieces = 1;
        if (pieces > n) pieces = n > 0 ? n : 1;
    }
    int64_t row(int64_t piece) const { return n / pieces * piece + n % pieces * piece / pieces; }
    int64_t column(int64_t tile) const { return inner * tile / tiles; }
};

template <class Op, class T>
static int all(const T *x, T *y, int64_t outer, int64_t n, int64_t inner, int threads) {
    typedef typename Op::real real;
    Cut cut(n, inner);
    if (inner == 1 && cut.pieces == 1) {
        parallel_for(outer, PIECE / 2 / (n + 1) + 1, threads, [=](int64_t begin, int64_t end) {
            for (int64_t o = begin; o < end; o++) y[o] = narrow<T>(float(Op::end(in_order<Op>(x + o * n, n), n)));
        });
        return OK;
    }
    real *partial = nullptr;
    if (cut.pieces > 1) {
        partial = (real *)malloc(size_t(outer) * size_t(cut.pieces * inner) * sizeof(real));
        if (!partial) return NO_MEMORY;
    }
    int64_t tasks = outer * cut.tiles * cut.pieces;
    int64_t each = outer * n * inner / (tasks + 1) + 1;
    parallel_for(tasks, PIECE / 2 / each + 1, threads, [=](int64_t begin, int64_t end) {
        alignas(64) real sums[TILE > LANES ? TILE : LANES];
        for (int64_t task = begin; task < end; task++) {
            int64_t piece = task % cut.pieces, tile = task / cut.pieces % cut.tiles;
            int64_t o = task / cut.pieces / cut.tiles;
            int64_t first = cut.row(piece), from = cut.column(tile), to = cut.column(tile + 1);
            if (inner == 1)
                sums[0] = in_order<Op>(x + o * n + first, cut.row(piece + 1) - first);
            else
                reduce<Op>(sums, x + (o * n + first) * inner, cut.row(piece + 1) - first, inner, from, to);
            if (partial)
                memcpy(partial + (o * cut.pieces + piece) * inner, sums, size_t(inner) * sizeof(real));
            else
                for (int64_t j = from; j < to; j++)
                    y[o * inner + j] = narrow<T>(float(Op::end(sums[j - from], n)));
        }
    });
    for (int64_t o = 0; partial && o < outer; o++)
        for (int64_t j = 0; j < inner; j++) {
            real *p = partial + o * cut.pieces * inner + j, a = p[0];
            for (int64_t piece = 1; piece < cut.pieces; piece++) a = Op::join(a, p[piece * inner]);
            y[o * inner + j] = narrow<T>(float(Op::end(a, n)));
        }
    free(partial);
    return OK;
}

template <class Op, class T>
static int reduced(const T *x, T *y, int64_t outer, int64_t n, int64_t inner, int threads) {
    if constexpr (W > 8 && std::is_same_v<T, float> && !std::is_same_v<typename Op::vector, vf>)
        if (BY_FOURS) return all<ByFours<Op>>(x, y, outer, n, inner, threads);
    return all<Op>(x, y, outer, n, inner, threads);
}

#define DEFINE(NAME, OP, T, DTYPE)                                                                             \
    KERNEL NAME##_v2_lanes_##DTYPE(const T *x, T *y, int64_t outer, int64_t n, int64_t inner, int threads) {   \
        return reduced<OP>(x, y, outer, n, inner, threads);                                                    \
    }
#define DEFINE_ALL(NAME, OP)      \
    DEFINE(NAME, OP, float, f32)  \
    DEFINE(NAME, OP, bf16, bf16)  \
    DEFINE(NAME, OP, f16, f16)
DEFINE_ALL(reduce_sum, Add)
DEFINE_ALL(reduce_mean, Mean)
DEFINE_ALL(reduce_prod, Multiply)
DEFINE_ALL(reduce_max, Largest)
DEFINE_ALL(reduce_min, Smallest)
DEFINE_ALL(reduce_l2, Norm)
