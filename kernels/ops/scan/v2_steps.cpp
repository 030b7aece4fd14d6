// A vector at a time: log2(lanes) shifts by 1, 2, 4 lanes, each followed by the operation, turn a vector into its own
// scan; the result so far is then joined to all of it. Only that carry goes from one vector to the next.
// Learned: the steps of one vector overlap with those of the vectors behind it, so what is left of the chain is one
// addition per vector. Then there is time to do it all in float64, which makes every result right to the last bit of
// float32. A row cut among threads is gone through twice, first for the totals of the parts.
#include "parallel.h"
#include "simd.h"

using namespace simd;

constexpr int64_t PART = 1 << 16;  // elements that are worth a thread
constexpr int MAX_PARTS = 256;
constexpr int L = W / 2;  // lanes of 64 bits

typedef double vd __attribute__((vector_size(W * 4)));
typedef int64_t vl __attribute__((vector_size(W * 4)));
typedef uint64_t vu __attribute__((vector_size(W * 4)));
typedef float vhalf __attribute__((vector_size(W * 2)));

#if defined(__AVX512F__)
constexpr vl COUNT = {0, 1, 2, 3, 4, 5, 6, 7};
#elif defined(__AVX2__)
constexpr vl COUNT = {0, 1, 2, 3};
#else
constexpr vl COUNT = {0, 1};
#endif

// ---- W elements as two vectors of 64 bits

template <class T> struct Line {
    typedef vd vec;
    typedef double real;
};
template <> struct Line<int64_t> {
    typedef vl vec;
    typedef int64_t real;
};
template <> struct Line<uint64_t> {
    typedef vu vec;
    typedef uint64_t real;
};

template <class T>
inline void take(const T *p, vd (&v)[2]) {
    vf x = load(p);
    vhalf half[2];
    memcpy(half, &x, sizeof x);
    v[0] = __builtin_convertvector(half[0], vd);
    v[1] = __builtin_convertvector(half[1], vd);
}
inline void take(const int64_t *p, vl (&v)[2]) { memcpy(v, p, sizeof v); }
inline void take(const uint64_t *p, vu (&v)[2]) { memcpy(v, p, sizeof v); }

template <class T>
inline void put(T *p, const vd (&v)[2]) {
    vhalf half[2] = {__builtin_convertvector(v[0], vhalf), __builtin_convertvector(v[1], vhalf)};
    vf x;
    memcpy(&x, half, sizeof x);
    store(p, x);
}
inline void put(int64_t *p, const vl (&v)[2]) { memcpy(p, v, sizeof v); }
inline void put(uint64_t *p, const vu (&v)[2]) { memcpy(p, v, sizeof v); }

// ---- the operations; the first argument is what came before

template <class R> struct Add {
    static constexpr R start = 0;
    template <class V> static V step(V a, V x) { return a + x; }
};
template <class R> struct Multiply {
    static constexpr R start = 1;
    template <class V> static V step(V a, V x) { return a * x; }
};
template <class R> struct Largest {
    static constexpr R start = std::numeric_limits<R>::has_infinity ? -std::numeric_limits<R>::infinity()
                                                                    : std::numeric_limits<R>::min();
    template <class V> static V step(V a, V x) { return (x > a) | (x != x) ? x : a; }  // a NaN stays
};

template <class V, class R> inline V splat(R x) { return x - V{}; }

// D lanes up; from below come lanes of `fill`, which are all the same.
template <int D, class V> inline V up(V x, V fill) { return __builtin_shuffle(fill, x, COUNT + (L - D)); }

template <class Op, class V>
inline V scanned(V x) {
    const V fill = splat<V>(Op::start);
    x = Op::step(up<1>(x, fill), x);
    if constexpr (L > 2) x = Op::step(up<2>(x, fill), x);
    if constexpr (L > 4) x = Op::step(up<4>(x, fill), x);
    return x;
}

// Scan what is in v; `carry` is what came before, in all lanes, and becomes what comes after.
template <class Op, class V>
inline void scan_vector(V &v, V &carry, bool exclusive) {
    V mine = scanned<Op>(v);
    v = Op::step(carry, exclusive ? up<1>(mine, splat<V>(Op::start)) : mine);
    carry = Op::step(carry, __builtin_shuffle(mine, COUNT * 0 + (L - 1)));
}

// Scan n elements with what came before them; without y, only find what comes after.
template <class Op, class T>
static typename Line<T>::real scan(const T *x, T *y, int64_t n, bool exclusive, typename Line<T>::real before) {
    typedef typename Line<T>::vec V;
    V v[2], carry = splat<V>(before);
    int64_t j = 0;
    for (; j + W <= n; j += W) {
        take(x + j, v);
        scan_vector<Op>(v[0], carry, exclusive);
        scan_vector<Op>(v[1], carry, exclusive);
        if (y) put(y + j, v);
    }
    if (j == n) return carry[0];
    T some[W];
    for (int i = 0; i < W; i++) some[i] = j + i < n ? x[j + i] : x[n - 1];
    take(some, v);
    scan_vector<Op>(v[0], carry, exclusive);
    scan_vector<Op>(v[1], carry, exclusive);
    put(some, v);
    if (y) memcpy(y + j, some, size_t(n - j) * sizeof(T));
    return carry[0];
}

// One row cut into parts, all but the last multiples of W: their totals, what comes before each, then the parts.
template <class Op, class T>
static void cut_row(const T *x, T *y, int64_t n, bool exclusive, int parts, int threads) {
    typedef typename Line<T>::real R;
    R before[MAX_PARTS + 1];
    before[0] = Op::start;
    auto start = [=](int64_t part) { return part == parts ? n : n / parts / W * W * part; };
    parallel_for(parts - 1, 1, threads, [&](int64_t from, int64_t to) {
        for (int64_t part = from; part < to; part++)
            before[part + 1] =
                scan<Op>(x + start(part), (T *)nullptr, start(part + 1) - start(part), false, R(Op::start));
    });
    for (int part = 1; part < parts; part++) before[part] = Op::step(before[part - 1], before[part]);
    parallel_for(parts, 1, threads, [&](int64_t from, int64_t to) {
        for (int64_t part = from; part < to; part++)
            scan<Op>(x + start(part), y + start(part), start(part + 1) - start(part), exclusive, before[part]);
    });
}

template <class Op, class T>
static int all(const T *x, T *y, int64_t rows, int64_t n, int64_t exclusive, int threads) {
    int64_t parts = n / PART < threads ? n / PART : threads;
    if (parts > MAX_PARTS) parts = MAX_PARTS;
    if (rows < threads && parts > 1) {
        for (int64_t i = 0; i < rows; i++) cut_row<Op>(x + i * n, y + i * n, n, exclusive, int(parts), threads);
        return OK;
    }
    parallel_for(rows, PART / (n + 1) + 1, threads, [=](int64_t from, int64_t to) {
        for (int64_t i = from; i < to; i++) scan<Op>(x + i * n, y + i * n, n, exclusive, Op::start);
    });
    return OK;
}

#define DEFINE(NAME, OP, T, DTYPE)                                                                                 \
    KERNEL NAME##_v2_steps_##DTYPE(const T *x, T *y, int64_t rows, int64_t n, int64_t exclusive, int threads) {    \
        return all<OP<Line<T>::real>>(x, y, rows, n, exclusive, threads);                                          \
    }
#define DEFINE_FLOATS(NAME, OP)   \
    DEFINE(NAME, OP, float, f32)  \
    DEFINE(NAME, OP, bf16, bf16)  \
    DEFINE(NAME, OP, f16, f16)
DEFINE_FLOATS(cumsum, Add)
DEFINE_FLOATS(cumprod, Multiply)
DEFINE_FLOATS(cummax, Largest)
DEFINE(cumsum, Add, uint64_t, i64)  // wraps around
DEFINE(cummax, Largest, int64_t, i64)
