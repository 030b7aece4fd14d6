// Walking along a row by vectors: whole ones first, then what is left, with the missing lanes filled so that
// they change nothing (0 in a sum, -inf under a maximum).
#pragma once
#include "fetch.h"
#include "parallel.h"
#include "past.h"
#include "simd.h"

namespace simd {

struct Whole {};  // in the place of a number of lanes: all of them

template <class T>
inline vf get(const T *p, Whole, float) {
    return load(p);
}
template <class T>
inline vf get(const T *p, int lanes, float fill) {
    return load_some(p, lanes, fill);
}
template <class T>
inline void put(T *p, Whole, vf x) {
    store(p, x);
}
template <class T>
inline void put(T *p, int lanes, vf x) {
    store_some(p, lanes, x);
}

// body(j, lanes) for every vector of a row of n.
template <class Body>
inline void each_vector(int64_t n, Body body) {
    int64_t j = 0;
    for (; j + W <= n; j += W) body(j, Whole{});
    if (j < n) body(j, int(n - j));
}

// y[j] = value(j, lanes) for every vector of a row of n; FAR: past the caches, in vectors that begin where a line does,
// n >= W, and a row that is put with the same seam as another follows it.
template <bool FAR, class T, class Value>
inline void put_row(T *y, int64_t n, Seam &seam, Value value) {
    if constexpr (FAR) {
        T *place = (T *)seam.place;
        int64_t j = -int64_t((uintptr_t)y / sizeof(T)) & (W - 1);
        if (j) put(place + W - j, int(j), value(0, int(j)));
        if (j && seam.kept)
            store_past(y + j - W, load(place));
        else if (j)
            memcpy(y, place + W - j, j * sizeof(T));
        for (; j + W <= n; j += W) store_past(y + j, value(j, Whole{}));
        if (j < n) put(place, int(n - j), value(j, int(n - j)));
        seam.to = y + j;
        seam.kept = (n - j) * sizeof(T);
    } else {
        each_vector(n, [=](int64_t j, auto lanes) { put(y + j, lanes, value(j, lanes)); });
    }
}

// Whether rows of y are better written past the caches: many bytes, in rows of some length, and not what is read.
template <class T>
inline bool far(int64_t rows, int64_t n, const T *y, const T *x) {
    return rows * n * int64_t(sizeof(T)) >= PAST_BYTES && n >= W && y != x;
}

// step(accumulator, j, lanes) for every vector of a row of n. Four accumulators take turns, so that a step need
// not wait for the one before it; accumulator.join(other) puts them together, always in the same order. 256
// vectors are taken together before they join the rest, so that a long sum does not lose what is small beside it.
template <class A, class Step>
inline A fold(int64_t n, const A &start, Step step) {
    A total = start;
    for (int64_t j = 0; j < n;) {
        A a = start, b = start, c = start, d = start;
        const int64_t end = n - j < 256 * W ? n : j + 256 * W;
        for (; j + 4 * W <= end; j += 4 * W) {
            step(a, j, Whole{});
            step(b, j + W, Whole{});
            step(c, j + 2 * W, Whole{});
            step(d, j + 3 * W, Whole{});
        }
        for (; j + W <= end; j += W) step(a, j, Whole{});
        if (j < end) step(b, j, int(end - j));
        j = end;
        a.join(b);
        c.join(d);
        a.join(c);
        total.join(a);
    }
    return total;
}

struct Sum {
    vf value = {};
    void join(const Sum &other) { value += other.value; }
};

struct Sums {
    vf first = {}, second = {};
    void join(const Sums &other) {
        first += other.first;
        second += other.second;
    }
};

struct Largest {
    vf value = splat(-std::numeric_limits<float>::infinity());
    void join(const Largest &other) { value = max(other.value, value); }
};

// The largest of a row, NaNs left out; -inf where nothing is left.
template <class T>
inline float largest(const T *x, int64_t n) {
    const float inf = std::numeric_limits<float>::infinity();
    return max_of(
        fold(n, Largest{}, [=](Largest &a, int64_t j, auto lanes) { a.value = max(get(x + j, lanes, -inf), a.value); })
            .value);
}

// row(i) or row(i, seam) for every row of n elements, on up to `threads` threads; a thread has some work for its pay.
template <class Row>
inline int each_row(int64_t rows, int64_t n, int threads, Row row) {
    parallel_for(rows, 65536 / (n + 1) + 1, threads, [=](int64_t from, int64_t to) {
        Seam seam;
        for (int64_t i = from; i < to; i++)
            if constexpr (std::is_invocable_v<Row, int64_t, Seam &>)
                row(i, seam);
            else
                row(i);
        _mm_sfence();  // for rows that are written past the caches
    });
    return OK;
}

// How far ahead of an element of a row to fetch: its counterpart in the next row, unless a row is so long that
// this would drive out of the cache what is still needed.
template <class T>
inline int64_t next_row(int64_t n, int64_t bytes = 16384) {
    return n * int64_t(sizeof(T)) <= bytes ? n : 0;
}

}  // namespace simd
