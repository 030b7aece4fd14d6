// Sorting networks: what is compared with what does not depend on the values, so there is no branch to mispredict.
//
// Theory of operation. Batcher's network (1968) sorts the 16 columns of 16 registers with operations between whole
// registers. Groups of 1, 2, 4 and 8 columns are then merged two by two by bitonic networks: one reversal brings the
// ends of two groups together, and the steps that follow are between lanes only as long as they span columns. When one
// group is left, column after column in order, one transposition brings it into rows. Runs of such tiles are merged in
// the same way, where the steps between tiles are between registers and those within a tile are as above.
#pragma once
#include "vectors.h"

// ---- networks on R registers

template <class T> INLINE void exchange(V<T> &a, V<T> &b) {
    V<T> low = Vector<T>::min(a, b);
    b = Vector<T>::max(a, b);
    a = low;
}

// Batcher's merging of what lies `step` apart among SIZE registers, and his sorting by it.
template <class T, int SIZE, int STEP> INLINE void merge_columns(V<T> *v) {
    if constexpr (2 * STEP < SIZE) {
        merge_columns<T, SIZE, 2 * STEP>(v);
        merge_columns<T, SIZE, 2 * STEP>(v + STEP);
#pragma GCC unroll 16
        for (int i = STEP; i + STEP < SIZE; i += 2 * STEP) exchange<T>(v[i], v[i + STEP]);
    } else if constexpr (STEP < SIZE) {
        exchange<T>(v[0], v[STEP]);
    }
}
template <class T, int R> INLINE void sort_columns(V<T> *v) {
    if constexpr (R > 1) {
        sort_columns<T, R / 2>(v);
        sort_columns<T, R / 2>(v + R / 2);
        merge_columns<T, R, 1>(v);
    }
}

// The lanes l ^ FLIP of a register, and those l that have one of the bits UPPER.
template <class T, int FLIP> INLINE V<T> flipped(V<T> v) {
    typename Vector<T>::index at;
    for (int l = 0; l < LANES<T>; l++) at[l] = l ^ FLIP;
    return __builtin_shuffle(v, at);
}
template <class T, int BIT> constexpr unsigned lanes_with() {
    unsigned m = 0;
    for (int l = 0; l < LANES<T>; l++) m |= (l & BIT) ? 1u << l : 0;
    return m;
}
// The smaller of v and w in the lanes without the bit, the larger in those with it.
template <class T, int BIT> INLINE V<T> keep(V<T> v, V<T> w) {
    return Vector<T>::max_at(lanes_with<T, BIT>(), Vector<T>::min(v, w), v, w);
}

template <class T, int R, int BIT> INLINE void across(V<T> *v) {
    if constexpr (BIT > 0) {
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) v[r] = keep<T, BIT>(v[r], flipped<T, BIT>(v[r]));
        across<T, R, BIT / 2>(v);
    }
}
template <class T, int R, int HALF> INLINE void down(V<T> *v) {
    if constexpr (HALF > 0) {
#pragma GCC unroll 16
        for (int r = 0; r < R; r++)
            if (!(r & HALF)) exchange<T>(v[r], v[r + HALF]);
        down<T, R, HALF / 2>(v);
    }
}
// Groups of G columns in order, each column after the other, become groups of 2 G.
template <class T, int R, int G> INLINE void merge_groups(V<T> *v) {
    if constexpr (G < LANES<T>) {
#pragma GCC unroll 16
        for (int r = 0; r < (R + 1) / 2; r++) {
            V<T> a = v[r], b = v[R - 1 - r];
            v[r] = keep<T, G>(a, flipped<T, 2 * G - 1>(b));
            if (r != R - 1 - r) v[R - 1 - r] = keep<T, G>(b, flipped<T, 2 * G - 1>(a));
        }
        across<T, R, G / 2>(v);
        down<T, R, R / 2>(v);
        merge_groups<T, R, 2 * G>(v);
    }
}
// Columns become rows: the two halves of the registers are interleaved, log2(R) times.
template <class T, int R, int LEFT> INLINE void interleave(V<T> *v) {
    if constexpr (LEFT > 1) {
        typename Vector<T>::index low, high;
        for (int l = 0; l < LANES<T>; l++) {
            low[l] = l / 2 + (l % 2) * LANES<T>;
            high[l] = low[l] + LANES<T> / 2;
        }
        V<T> w[R];
#pragma GCC unroll 16
        for (int r = 0; r < R / 2; r++) {
            w[2 * r] = __builtin_shuffle(v[r], v[r + R / 2], low);
            w[2 * r + 1] = __builtin_shuffle(v[r], v[r + R / 2], high);
        }
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) v[r] = w[r];
        interleave<T, R, LEFT / 2>(v);
    }
}

// n <= R registers' elements in order, from src to dst; with what fills the registers up, if FILLED.
template <class T, int R, bool FILLED = false> static void network(const T *src, T *dst, int64_t n) {
    constexpr int L = LANES<T>;
    V<T> v[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) v[r] = Vector<T>::load_some(first<T>(n - r * L), src + r * L);
    sort_columns<T, R>(v);
    merge_groups<T, R, 1>(v);
    interleave<T, R, R>(v);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
        if (FILLED)
            store(dst + r * L, v[r]);
        else
            Vector<T>::store_some(first<T>(n - r * L), dst + r * L, v[r]);
}

template <class T> constexpr int64_t TILE = 16 * LANES<T>;  // elements that a network sorts

// ---- networks on tiles of 16 registers in the nearest cache

// n elements that rise and then fall (or the other way round, seen as a ring) are put in order.
template <class T> static void clean(T *x, int64_t n) {
    constexpr int L = LANES<T>;
    if (n > TILE<T>) {
        for (int64_t i = 0; i < n / 2; i += L) {
            V<T> a = load(x + i), b = load(x + n / 2 + i);
            exchange<T>(a, b);
            store(x + i, a);
            store(x + n / 2 + i, b);
        }
        clean(x, n / 2);
        clean(x + n / 2, n / 2);
        return;
    }
    V<T> v[16];
#pragma GCC unroll 16
    for (int r = 0; r < 16; r++) v[r] = load(x + r * L);
    down<T, 16, 8>(v);
    across<T, 16, L / 2>(v);
#pragma GCC unroll 16
    for (int r = 0; r < 16; r++) store(x + r * L, v[r]);
}

// n elements to x, where there is room for size, a power of two times a tile.
template <class T> static void sort_tiles(const T *src, T *x, int64_t n, int64_t size) {
    constexpr int L = LANES<T>;
    if (size == TILE<T>) return network<T, 16, true>(src, x, n);
    const int64_t half = size / 2;
    sort_tiles(src, x, n < half ? n : half, half);
    sort_tiles(src + half, x + half, n - half, half);
    for (int64_t i = 0, j = size - L; i < j; i += L, j -= L) {
        V<T> a = load(x + i), b = flipped<T, L - 1>(load(x + j));
        exchange<T>(a, b);
        store(x + i, a);
        store(x + j, b);
    }
    clean(x, half);
    clean(x + half, half);
}

template <class T> static void small(const T *src, T *dst, int64_t n) {
    constexpr int L = LANES<T>;
    if (n <= L) {
        network<T, 1>(src, dst, n);
    } else if (n <= 4 * L) {
        network<T, 4>(src, dst, n);
    } else if (n <= 8 * L) {
        network<T, 8>(src, dst, n);
    } else if (n <= TILE<T>) {
        network<T, 16>(src, dst, n);
    } else {
        alignas(64) T x[4 * TILE<T>];
        sort_tiles(src, x, n, n <= 2 * TILE<T> ? 2 * TILE<T> : 4 * TILE<T>);
        memcpy(dst, x, size_t(n) * sizeof(T));
    }
}
// Whether a network is quicker than splitting: where not too much of it would be filling.
template <class T> static bool is_small(int64_t n) {
    return n <= 2 * TILE<T> || (n > 4 * TILE<T> - TILE<T> / 2 && n <= 4 * TILE<T>);
}
