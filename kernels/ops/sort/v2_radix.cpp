// Digit by digit from the lowest: three digits of 11 bits for 32, counted all in one reading. Every dtype becomes an
// unsigned key of the same order; positions travel beside the keys.
// Learned: no comparison, so no branch to mispredict, and the time is that of n random writes per digit. What they
// cost is pages and cache lines: 2048 places fit the second cache, and huge pages keep their addresses at hand. Short
// rows take digits of 8 bits, whose counts are cheaper to add up, or are sorted by insertion.
#include <cstring>

#include "parallel.h"
#include "scratch.h"
#include "simd.h"

using namespace simd;

constexpr int64_t FEW = 24;          // elements that are sorted by insertion
constexpr int64_t SHORT = 1 << 13;   // elements from which on wider digits pay

// ---- keys: unsigned, in the order of the values

template <class U, U INFINITE, bool EQUAL> struct Real {  // EQUAL: one key for both zeros, and one for every NaN
    typedef U bits, key;
    static constexpr U SIGN = U(1) << (8 * sizeof(U) - 1);
    static U encode(U u) {
        if (U(u & ~SIGN) > INFINITE) return EQUAL ? U(~U(0)) : U(u | SIGN);
        if (EQUAL && u == SIGN) u = 0;
        return u & SIGN ? U(~u) : U(u | SIGN);
    }
    static U decode(U k) { return k & SIGN ? U(k ^ SIGN) : U(~k); }
};
template <class U> struct Whole {
    typedef U bits, key;
    static constexpr U SIGN = U(1) << (8 * sizeof(U) - 1);
    static U encode(U u) { return u ^ SIGN; }
    static U decode(U k) { return k ^ SIGN; }
};

// ---- what is moved: keys alone, or keys and positions

template <class Kind> struct Values {
    typedef typename Kind::key key;
    typedef typename Kind::bits result;
    struct item {
        key k;
    };
    static item make(key k, int64_t) { return {k}; }
    static result end(item it) { return Kind::decode(it.k); }
};
template <class Kind> struct Positions {
    typedef typename Kind::key key;
    typedef int64_t result;
    struct item {
        key k;
        uint32_t at;
    };
    static item make(key k, int64_t at) { return {k, uint32_t(at)}; }
    static result end(item it) { return it.at; }
};

template <class Kind, class Moved>
static void insertion(const typename Kind::bits *x, typename Moved::result *y, int64_t n) {
    typename Moved::item a[FEW];
    for (int64_t i = 0; i < n; i++) {
        auto it = Moved::make(Kind::encode(x[i]), i);
        int64_t j = i;
        for (; j > 0 && a[j - 1].k > it.k; j--) a[j] = a[j - 1];
        a[j] = it;
    }
    for (int64_t i = 0; i < n; i++) y[i] = Moved::end(a[i]);
}

template <class Kind, class Moved, int BITS>
static int radix(const typename Kind::bits *x, typename Moved::result *y, int64_t n) {
    typedef typename Moved::item Item;
    constexpr int DIGITS = (8 * sizeof(typename Kind::key) + BITS - 1) / BITS, SIZE = 1 << BITS;
    Item *from = (Item *)scratch(2 * size_t(n) * sizeof(Item)), *to = from + n;
    if (!from) return NO_MEMORY;
    uint32_t count[DIGITS][SIZE] = {};
    auto digit = [](typename Kind::key k, int d) { return int(k >> (d * BITS) & (SIZE - 1)); };
    for (int64_t i = 0; i < n; i++) {
        auto k = Kind::encode(x[i]);
        for (int d = 0; d < DIGITS; d++) count[d][digit(k, d)]++;
    }
    int used[DIGITS], uses = 0;  // digits in which keys differ
    auto first = Kind::encode(x[0]);
    for (int d = 0; d < DIGITS; d++) {
        if (count[d][digit(first, d)] == n) continue;
        uint32_t before = 0;
        for (int b = 0; b < SIZE; b++) {
            uint32_t here = count[d][b];
            count[d][b] = before;
            before += here;
        }
        used[uses++] = d;
    }
    if (!uses)
        for (int64_t i = 0; i < n; i++) to[i] = Moved::make(Kind::encode(x[i]), i);
    else
        for (int64_t i = 0, d = used[0]; i < n; i++) {
            Item it = Moved::make(Kind::encode(x[i]), i);
            to[count[d][digit(it.k, int(d))]++] = it;
        }
    for (int u = 1; u + 1 < uses; u++) {
        Item *t = from;
        from = to;
        to = t;
        for (int64_t i = 0; i < n; i++) to[count[used[u]][digit(from[i].k, used[u])]++] = from[i];
    }
    if (uses > 1)  // the last digit puts everything where it belongs
        for (int64_t i = 0, d = used[uses - 1]; i < n; i++)
            y[count[d][digit(to[i].k, int(d))]++] = Moved::end(to[i]);
    else
        for (int64_t i = 0; i < n; i++) y[i] = Moved::end(to[i]);
    return OK;
}

template <class Kind, class Moved>
static int all(const typename Kind::bits *x, typename Moved::result *y, int64_t rows, int64_t n, int threads) {
    int fault = OK;
    parallel_for(rows, 4096 / (n + 1) + 1, threads, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            auto from = x + row * n;
            auto to = y + row * n;
            int said = OK;
            if (n <= FEW)
                insertion<Kind, Moved>(from, to, n);
            else if (n < SHORT || sizeof(*x) == 2)
                said = radix<Kind, Moved, 8>(from, to, n);
            else
                said = radix<Kind, Moved, 11>(from, to, n);
            if (said)
#pragma omp atomic write
                fault = said;
        }
    });
    return fault;
}

#define DEFINE(U, VALUE, POSITION, DTYPE)                                                                     \
    KERNEL sort_v2_radix_##DTYPE(const U *x, U *y, int64_t rows, int64_t n, int threads) {                    \
        return all<VALUE, Values<VALUE>>(x, y, rows, n, threads);                                             \
    }                                                                                                         \
    KERNEL argsort_v2_radix_##DTYPE(const U *x, int64_t *order, int64_t rows, int64_t n, int threads) {       \
        return all<POSITION, Positions<POSITION>>(x, order, rows, n, threads);                                \
    }
#define DEFINE_REAL(U, INFINITE, DTYPE)                                                                       \
    typedef Real<U, INFINITE, false> DTYPE##_value;                                                           \
    typedef Real<U, INFINITE, true> DTYPE##_position;                                                         \
    DEFINE(U, DTYPE##_value, DTYPE##_position, DTYPE)
DEFINE_REAL(uint32_t, 0x7f800000, f32)
DEFINE_REAL(uint16_t, 0x7f80, bf16)
DEFINE_REAL(uint16_t, 0x7c00, f16)
DEFINE(uint32_t, Whole<uint32_t>, Whole<uint32_t>, i32)
DEFINE(uint64_t, Whole<uint64_t>, Whole<uint64_t>, i64)
