// The k largest of a row, k up to 1,024, by a block: a value and its index make one number, the smaller the better, and
// the k-th of these is found digit by digit of eight bits. What is not behind it is collected and sorted.
// Learned: a row is read once for each digit until the k are told apart, three or four times, instead of k times.
// Values share their leading digits, so lanes with the same one add to its count together; indices are digits like the
// others, which makes ties nothing special, and whatever order the k are collected in.
#include "kernel.cuh"

constexpr int THREADS = 256, DIGITS = 256, MOST = 1024;

// NaN first, then larger values, then lower indices; 0.0 and -0.0 are the same.
template <class T>
DEVICE u64 place_of(T x, i64 index) {
    const float wide = widen(x) + 0.0f;
    const u32 bits = __float_as_uint(wide), key = wide != wide ? 0 : bits >> 31 ? bits : ~bits & 0x7fffffffu;
    return static_cast<u64>(key) << 32 | static_cast<u64>(index);
}

struct Shared {
    u32 counts[DIGITS], digit, before, collected;
    u64 found[MOST];
};

// f(place) for every element by all threads alike; ~0 stands for what is behind the end.
template <class T, class F>
DEVICE void each(const T *x, i64 n, F f) {
    const bool whole = n % V<T> == 0;
    for (i64 first = 0; first < n; first += THREADS * V<T>) {
        if (whole) {
            const i64 i = first + threadIdx.x * V<T>;
            union {
                uint4 raw;
                T item[V<T>];
            } z;
            if (i < n) z.raw = load16(x + i);
#pragma unroll
            for (int e = 0; e < V<T>; e++) f(i < n ? place_of(z.item[e], i + e) : ~0ull);
        } else {
#pragma unroll
            for (int e = 0; e < V<T>; e++) {
                const i64 i = first + e * THREADS + threadIdx.x;
                f(i < n ? place_of(x[i], i) : ~0ull);
            }
        }
    }
}

// The digit in which `wanted` elements are reached, and how many come before it; by the first warp.
DEVICE void find_digit(Shared &z, u32 wanted) {
    if (threadIdx.x >= 32) return;
    u32 own[DIGITS / 32], sum = 0;
#pragma unroll
    for (int i = 0; i < DIGITS / 32; i++) own[i] = z.counts[threadIdx.x * (DIGITS / 32) + i], sum += own[i];
    u32 up_to = sum;
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
        const u32 other = __shfl_up_sync(0xffffffffu, up_to, step);
        if (threadIdx.x >= step) up_to += other;
    }
    u32 before = up_to - sum;
    if (before >= wanted || up_to < wanted) return;
    for (int i = 0; i < DIGITS / 32; i++) {
        if (before + own[i] >= wanted) {
            z.digit = threadIdx.x * (DIGITS / 32) + i, z.before = before;
            return;
        }
        before += own[i];
    }
}

// The last place of the k.
template <class T>
DEVICE u64 last_of(Shared &z, const T *x, i64 n, u32 k) {
    u64 known = 0, mask = 0;
    for (int shift = 56;; shift -= 8) {
        z.counts[threadIdx.x] = 0;
        __syncthreads();
        each(x, n, [&](u64 place) {
            const bool in = place != ~0ull && (place & mask) == known;
            const u32 digit = in ? static_cast<u32>(place >> shift) % DIGITS : DIGITS;
            const u32 alike = __match_any_sync(0xffffffffu, digit);
            if (in && __ffs(alike) - 1 == threadIdx.x % 32) atomicAdd(z.counts + digit, static_cast<u32>(__popc(alike)));
        });
        __syncthreads();
        find_digit(z, k);
        __syncthreads();
        const u32 digit = z.digit;
        k -= z.before;
        known |= static_cast<u64>(digit) << shift, mask |= 255ull << shift;
        const bool told_apart = z.counts[digit] == k;
        __syncthreads();
        if (told_apart || shift == 0) return known | ~mask;
    }
}

// Ascending, in place; `size` is a power of two.
DEVICE void sort(u64 *found, int size) {
    for (int run = 2; run <= size; run *= 2)
        for (int step = run / 2; step; step /= 2) {
            for (int i = threadIdx.x; i < size / 2; i += THREADS) {
                const int a = i / step * 2 * step + i % step, b = a + step;
                const bool down = a & run;
                const u64 first = found[a], second = found[b];
                if ((first > second) != down) found[a] = second, found[b] = first;
            }
            __syncthreads();
        }
}

template <class T>
DEVICE void top_k(const T *x, T *values, i64 *indices, i64 rows, i64 n, i64 k) {
    __shared__ Shared z;
    int size = 1;
    while (size < k) size *= 2;
    for (i64 row = blockIdx.x; row < rows; row += gridDim.x) {
        const T *from = x + row * n;
        const u64 last = last_of(z, from, n, static_cast<u32>(k));
        if (threadIdx.x == 0) z.collected = 0;
        for (int i = threadIdx.x; i < size; i += THREADS) z.found[i] = ~0ull;
        __syncthreads();
        each(from, n, [&](u64 place) {
            if (place <= last && place != ~0ull) z.found[atomicAdd(&z.collected, 1u)] = place;
        });
        __syncthreads();
        sort(z.found, size);
        for (int i = threadIdx.x; i < k; i += THREADS) {
            const i64 at = static_cast<i64>(z.found[i] & 0xffffffffu);
            values[row * k + i] = from[at], indices[row * k + i] = at;
        }
        __syncthreads();
    }
}

#define DEFINE(T, NAME)                                                                                        \
    KERNEL(THREADS) top_k_v2_digits_##NAME(const T *x, T *values, i64 *indices, i64 rows, i64 n, i64 k) {      \
        top_k(x, values, indices, rows, n, k);                                                                 \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
