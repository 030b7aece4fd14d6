// Quicksort by compressing vectors (Bramas 2017; Blacher, Giesen and Kühne 2021), with sorting networks at its leaves.
//
// Theory of operation. A segment is split around a pivot one vector at a time: what is below it is written to the one
// side, the rest to the other, both side by side again, and neither needs a branch. The place read from may be one of
// them, since no more is written than has been read: so the right part is sorted from scratch memory to where it
// belongs, and nothing is copied back. Of a long row, seven splitters make eight segments first, counted and then
// distributed in one writing, so that what follows happens in the second cache.
// Learned: a digit of a radix sort costs a random write per element, a split in two a sixteenth of two compressions:
// 4M floats take 21 ms where the digits took 57. The leaves decide: networks of up to 512 elements, though partly
// filled, beat another split with its mispredicted branches, and a pivot guessed in 50 cycles a better one in 150.
// Reading and writing have to be fetched ahead, as in all loops with much arithmetic.
#include <algorithm>

#include "kernel.h"
#include "networks.h"
#include "parallel.h"
#include "scratch.h"

// ---- splitting

// Vectors of src, taken R at places spread evenly, in order.
template <class T, int R> static void sample(const T *src, int64_t n, T *sorted) {
    T taken[R * LANES<T>];
    for (int r = 0; r < R; r++) store(taken + r * LANES<T>, load(src + (n - LANES<T>) * (2 * r + 1) / (2 * R)));
    network<T, R>(taken, sorted, R * LANES<T>);
}

constexpr int AHEAD = 2048;  // bytes

// What is below p (or equal to it) goes to left, in order; the rest to right. Returns how many went left. Each may be
// src itself: no more is written than has been read.
template <class T, bool EQUAL> static int64_t split(const T *src, T *left, T *right, int64_t n, T p) {
    typedef Vector<T> O;
    constexpr int L = LANES<T>;
    const V<T> pivot = O::splat(p);
    int64_t i = 0, l = 0;
    auto goes_left = [=](V<T> v) { return EQUAL ? O::up_to(v, pivot) : O::below(v, pivot); };
    auto part = [&](V<T> v) {
        unsigned m = goes_left(v);
        __builtin_prefetch((const char *)(src + i) + AHEAD);
        store(left + l, O::compress(m, v));
        store(right + (i - l), O::compress(~m, v));
        l += __builtin_popcount(m);
        i += L;
    };
    while (i + 4 * L <= n) {
        V<T> a = load(src + i), b = load(src + i + L), c = load(src + i + 2 * L), d = load(src + i + 3 * L);
        part(a);
        part(b);
        part(c);
        part(d);
    }
    while (i + L <= n) part(load(src + i));
    const unsigned some = first<T>(n - i);
    V<T> v = O::load_some(some, src + i);
    unsigned m = goes_left(v) & some;
    int64_t count = __builtin_popcount(m);
    O::store_some(first<T>(count), left + l, O::compress(m, v));
    O::store_some(first<T>(n - i - count), right + (i - l), O::compress(some & ~m, v));
    return l + count;
}

// Nearly the median of a few, for a row too short for a better one to pay.
template <class T> INLINE V<T> middle(V<T> a, V<T> b, V<T> c) {
    typedef Vector<T> O;
    return O::max(O::min(a, b), O::min(O::max(a, b), c));
}
template <class T> static T guess(const T *src, int64_t n) {
    constexpr int L = LANES<T>;
    V<T> v = middle<T>(load(src + n / 8), load(src + n / 2 - L), load(src + n - n / 8 - L));
    v = middle<T>(v, flipped<T, 5 % L>(v), flipped<T, L / 2 + 2>(v));
    v = middle<T>(v, flipped<T, 3>(v), flipped<T, L / 2 + 1>(v));
    return v[0];
}

// Sort src into dst, which may be src; room for n + LANES elements may be src too where dst is not.
template <class T> static void quick(const T *src, T *dst, T *room, int64_t n, int depth) {
    while (!is_small<T>(n)) {
        if (depth-- == 0) {  // pivots that are always bad: input made for it
            if (src != dst) memcpy(dst, src, size_t(n) * sizeof(T));
            std::sort(dst, dst + n);
            return;
        }
        T p;
        if (n < 32 * TILE<T>) {
            p = guess(src, n);
        } else {
            T some[4 * LANES<T>];
            sample<T, 4>(src, n, some);
            p = some[2 * LANES<T>];
        }
        int64_t l = split<T, false>(src, dst, room, n, p);
        if (l == 0) {  // p is the smallest: those equal to it are done with
            l = split<T, true>(room, dst, room, n, p);
            src = room;
            dst += l;
            n -= l;
        } else {
            quick(room, dst + l, room, n - l, depth);
            src = dst;
            n = l;
        }
    }
    small(src, dst, n);
}

constexpr int WAYS = 8;
constexpr int64_t WIDE = 1 << 18;  // elements from which on a row is distributed first

template <class T> static int depth_for(int64_t n) { return 2 * (64 - __builtin_clzll(uint64_t(n) | 1)); }

// False if there are NaNs, which nothing is below; then nothing has been written.
template <class T> static bool distribute(const T *src, T *dst, T *room, int64_t n, int threads) {
    typedef Vector<T> O;
    constexpr int L = LANES<T>;
    T some[16 * L];
    sample<T, 16>(src, n, some);
    V<T> splitter[WAYS];  // the first is not used
    for (int w = 1; w < WAYS; w++) splitter[w] = O::splat(some[w * 16 * L / WAYS]);
    int64_t below[WAYS + 1] = {};  // how many come before each segment
    unsigned nans = 0;
    const int64_t whole = n / L * L;
    const unsigned rest = first<T>(n - whole);
    auto count = [&](V<T> v, unsigned lanes) {
        nans |= O::nans(v);
#pragma GCC unroll 8
        for (int w = 1; w < WAYS; w++) below[w] += __builtin_popcount(O::below(v, splitter[w]) & lanes);
    };
    for (int64_t i = 0; i < whole; i += L) {
        __builtin_prefetch((const char *)(src + i) + AHEAD);
        count(load(src + i), ALL<T>);
    }
    if (rest) count(O::load_some(rest, src + whole), rest);
    if (nans) return false;
    below[WAYS] = n;
    T *to[WAYS], *start[WAYS];
    for (int w = 0; w < WAYS; w++) start[w] = to[w] = room + below[w] + w * L;  // what is stored too much fits between
    auto put = [&](V<T> v, unsigned lanes) {
        unsigned before = 0;
#pragma GCC unroll 8
        for (int w = 0; w < WAYS; w++) {
            unsigned m = (w + 1 < WAYS ? O::below(v, splitter[w + 1]) : ALL<T>)&lanes;
            store(to[w], O::compress(m & ~before, v));
            __builtin_prefetch(to[w] + 16 * L);
            to[w] += __builtin_popcount(m & ~before);
            before = m;
        }
    };
    for (int64_t i = 0; i < whole; i += L) {
        __builtin_prefetch((const char *)(src + i) + AHEAD);
        put(load(src + i), ALL<T>);
    }
    if (rest) put(O::load_some(rest, src + whole), rest);
    parallel_for(WAYS, 1, threads, [&](int64_t from, int64_t until) {
        for (int64_t w = from; w < until; w++)
            quick<T>(start[w], dst + below[w], start[w], below[w + 1] - below[w], depth_for<T>(n));
    });
    return true;
}

// ---- rows

template <class T> static bool has_nan(const T *x, int64_t n) {
    unsigned found = 0;
    int64_t i = 0;
    for (; i + LANES<T> <= n; i += LANES<T>) {
        __builtin_prefetch((const char *)(x + i) + AHEAD);
        found |= Vector<T>::nans(load(x + i));
    }
    return found | Vector<T>::nans(Vector<T>::load_some(first<T>(n - i), x + i));
}

template <class T> static int row(const T *x, T *y, int64_t n, int threads) {
    T *room = (T *)scratch((size_t(n) + (WAYS + 1) * LANES<T>) * sizeof(T));
    if (!room) return NO_MEMORY;
    if (n >= WIDE && distribute(x, y, room, n, threads)) return OK;
    int64_t numbers = n;
    if (has_nan(x, n)) {
        numbers = 0;
        for (int64_t i = 0; i < n; i++)
            if (x[i] == x[i]) y[numbers++] = x[i];
        std::fill(y + numbers, y + n, std::numeric_limits<T>::quiet_NaN());
        x = y;
    }
    if (numbers < WIDE || !distribute(x, y, room, numbers, threads)) quick<T>(x, y, room, numbers, depth_for<T>(n));
    return OK;
}

template <class T> static int all(const T *x, T *y, int64_t rows, int64_t n, int threads) {
    int fault = OK;
    if (rows < threads) {
        for (int64_t i = 0; i < rows; i++) fault |= row(x + i * n, y + i * n, n, threads);
        return fault;
    }
    parallel_for(rows, 4096 / (n + 1) + 1, threads, [=, &fault](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
            if (int said = row(x + i * n, y + i * n, n, 1))
#pragma omp atomic write
                fault = said;
    });
    return fault;
}

#define DEFINE(T, DTYPE)                                                                                     \
    KERNEL sort_v3_quick_##DTYPE(const T *x, T *y, int64_t rows, int64_t n, int threads) {                   \
        return all(x, y, rows, n, threads);                                                                  \
    }
DEFINE(float, f32)
DEFINE(int32_t, i32)
DEFINE(int64_t, i64)
