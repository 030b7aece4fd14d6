// What the CUDA kernels of decoding share: where a key lies in a cache, and how many a row sees. A length outside its
// range counts as the nearest one inside; a block outside the store holds keys that nobody sees (the processor's
// versions refuse both, a kernel on a card cannot).
#pragma once
#include "kernel.cuh"

// Of what counts rows, keys or blocks of threads, all of which have fewer than 2^32: a division of 64 bits is a call.
DEVICE i64 quotient(i64 a, i64 b) { return static_cast<u32>(a) / static_cast<u32>(b); }
DEVICE i64 remainder(i64 a, i64 b) { return static_cast<u32>(a) % static_cast<u32>(b); }

template <class T>
struct Cache {
    const T *q, *k, *v;
    const int *table, *lengths;
    i64 b, hq, n, d, blocks, size, hk, e, most;
    float scale;

    DEVICE i64 rows() const { return hk ? quotient(hq, hk) * n : 0; }  // of queries to a head of keys
    DEVICE i64 capacity() const { return (table ? most : 1) * size; }
    DEVICE i64 length(i64 ib) const {
        const i64 found = lengths ? lengths[ib] : capacity();
        return found < 0 ? 0 : found > capacity() ? capacity() : found;
    }
    DEVICE i64 limit(i64 ib, i64 row) const {
        const i64 seen = length(ib) - n + 1 + remainder(row, n);
        return seen > 0 ? seen : 0;
    }
    // The row of the cache that key j lies in; -1 for a block that is none.
    DEVICE i64 place(i64 ib, i64 ik, i64 j) const {
        if (!table) return (ib * hk + ik) * size + j;
        const i64 block = table[ib * most + quotient(j, size)];
        return block < 0 || block >= blocks ? -1 : (block * size + remainder(j, size)) * hk + ik;
    }
};

#define DECODE(KERNEL_OF, T, NAME, EXTRA, BODY)                                                                        \
    KERNEL_OF attention_decode_##NAME(const T *q, const T *k, const T *v, const int *lengths, T *out, float *lse,      \
                                      i64 b, i64 hq, i64 n, i64 d, i64 hk, i64 cap, i64 e, double scale EXTRA) {       \
        const Cache<T> z{q, k, v, nullptr, lengths, b, hq, n, d, 0, cap, hk, e, 0, static_cast<float>(scale)};         \
        BODY;                                                                                                          \
    }                                                                                                                  \
    KERNEL_OF attention_decode_paged_##NAME(const T *q, const T *k, const T *v, const int *table, const int *lengths,  \
                                            T *out, float *lse, i64 b, i64 hq, i64 n, i64 d, i64 blocks, i64 size,     \
                                            i64 hk, i64 e, i64 most, double scale EXTRA) {                             \
        const Cache<T> z{q, k, v, table, lengths, b, hq, n, d, blocks, size, hk, e, most, static_cast<float>(scale)};  \
        BODY;                                                                                                          \
    }
