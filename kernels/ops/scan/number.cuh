// What can be scanned, and by which operation.
#pragma once
#include "kernel.cuh"

template <class T>
struct Number {
    typedef float A;
    static DEVICE A take(T x) { return widen(x); }
    static DEVICE T give(A x) { return narrow<T>(x); }
    static DEVICE A least() { return -INF; }
};
template <>
struct Number<i64> {
    typedef i64 A;
    static DEVICE A take(i64 x) { return x; }
    static DEVICE i64 give(A x) { return x; }
    static DEVICE A least() { return static_cast<i64>(1ull << 63); }
};

template <class A>
struct Sum {
    static DEVICE A both(A a, A b) {
        if constexpr (sizeof(A) == 8)
            return static_cast<A>(static_cast<u64>(a) + static_cast<u64>(b));  // wraps around
        else
            return a + b;
    }
};
template <class A>
struct Product {
    static DEVICE A both(A a, A b) { return a * b; }
};
template <class A>
struct Largest {  // a NaN stays
    static DEVICE A both(A a, A b) { return b > a || b != b ? b : a; }
};
