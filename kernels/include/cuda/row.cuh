// A row of n elements, N at a time: 16 bytes where n is a multiple of that, else one.
//
// The launcher sees to it that arrays begin on borders of 16 bytes, and the plan (kernels/toolchain/grids.py) that
// kernels with N > 1 only get rows whose length N divides. So no piece lies half in a row, and nothing is checked
// per element: with such checks unrolled, kernels took a minute to compile and spilled.
#pragma once
#include <kernel.cuh>

template <class T, int N>
struct Piece {
    uint4 raw;
    DEVICE void load(const T *p) { raw = load16(p); }
    DEVICE void get(float (&x)[N]) const { unpack<T>(raw, x); }
    DEVICE static void put(T *p, const float (&x)[N]) { store16(p, pack<T>(x)); }
};
template <class T>
struct Piece<T, 1> {
    T item;
    DEVICE void load(const T *p) { item = *p; }
    DEVICE void get(float (&x)[1]) const { x[0] = widen(item); }
    DEVICE static void put(T *p, const float (&x)[1]) { *p = narrow<T>(x[0]); }
};

template <class T, int N>
DEVICE void get(const T *p, float (&x)[N]) {
    Piece<T, N> piece;
    piece.load(p);
    piece.get(x);
}
template <class T, int N>
DEVICE void put(T *p, const float (&x)[N]) {
    Piece<T, N>::put(p, x);
}
// From an array that may be absent: `otherwise` stands in its place.
template <class T, int N>
DEVICE void get_or(const T *array, i64 at, float otherwise, float (&x)[N]) {
#pragma unroll
    for (int e = 0; e < N; e++) x[e] = otherwise;
    if (array) get<T, N>(array + at, x);
}

// A row in the registers of its group, at most Most pieces to a thread: read once.
template <class T, int N_, int Most>
struct Held {
    static constexpr int N = N_;
    Piece<T, N> piece[Most];

    DEVICE Held(const T *row, i64 n) {
        const int pieces = static_cast<int>(n / N);
#pragma unroll
        for (int r = 0; r < Most; r++)
            if (const int i = threadIdx.x + r * blockDim.x; i < pieces) piece[r].load(row + i * N);
    }
    // f(place of the first element, elements) for each piece of this thread.
    template <class F>
    DEVICE void each(const T *, i64 n, F f) const {
        const int pieces = static_cast<int>(n / N);
#pragma unroll
        for (int r = 0; r < Most; r++)
            if (const int i = threadIdx.x + r * blockDim.x; i < pieces) {
                float x[N];
                piece[r].get(x);
                f(static_cast<i64>(i) * N, x);
            }
    }
};

// A row in memory, read again each time.
template <class T, int N_>
struct Streamed {
    static constexpr int N = N_;
    DEVICE Streamed(const T *, i64) {}

    template <class F>
    DEVICE void each(const T *row, i64 n, F f) const {
#pragma unroll 1
        for (i64 j = static_cast<i64>(threadIdx.x) * N; j < n; j += static_cast<i64>(blockDim.x) * N) {
            float x[N];
            get<T, N>(row + j, x);
            f(j, x);
        }
    }
};

// Two rows of one length side by side: f(place, elements of the first, elements of the second).
template <class T, int N, int Most, class F>
DEVICE void both(const Held<T, N, Most> &a, const T *, const Held<T, N, Most> &b, const T *, i64 n, F f) {
    const int pieces = static_cast<int>(n / N);
#pragma unroll
    for (int r = 0; r < Most; r++)
        if (const int i = threadIdx.x + r * blockDim.x; i < pieces) {
            float x[N], y[N];
            a.piece[r].get(x);
            b.piece[r].get(y);
            f(static_cast<i64>(i) * N, x, y);
        }
}
template <class T, int N, class F>
DEVICE void both(const Streamed<T, N> &a, const T *first, const Streamed<T, N> &, const T *second, i64 n, F f) {
    a.each(first, n, [&](i64 j, const float(&x)[N]) {
        float y[N];
        get<T, N>(second + j, y);
        f(j, x, y);
    });
}
