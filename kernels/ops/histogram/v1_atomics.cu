// Counts by atomic additions of whole numbers, whose order does not matter: the same counts every time. Up to 8,192
// bins a block counts in its shared memory and adds that to the result at its end; more bins are counted in the
// result itself (`_wide`). `_zero` goes first.
// Learned: atomics in shared memory cost little unless neighbours are alike, and a block that takes many elements
// adds its counts but once. Labels out of range, which a card cannot refuse, are not counted.
#include "bins.cuh"

template <bool Wide, class F>
DEVICE void count(i64 *counts, i64 n, i64 bins, F bin) {
    u32 *mine = static_cast<u32 *>(dynamic_shared());
    const i64 step = static_cast<i64>(gridDim.x) * blockDim.x;
    if (!Wide) {
        for (i64 i = threadIdx.x; i < bins; i += blockDim.x) mine[i] = 0;
        __syncthreads();
    }
    for (i64 i = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
        const i64 at = bin(i);
        if (at < 0) continue;
        if (Wide)
            atomicAdd(reinterpret_cast<u64 *>(counts + at), 1ull);
        else
            atomicAdd(mine + at, 1u);
    }
    if (!Wide) {
        __syncthreads();
        for (i64 i = threadIdx.x; i < bins; i += blockDim.x)
            if (mine[i]) atomicAdd(reinterpret_cast<u64 *>(counts + i), static_cast<u64>(mine[i]));
    }
}

#define HISTOGRAM(SUFFIX, T, NAME)                                                                            \
    KERNEL(256) histogram_v1_atomics_##NAME##SUFFIX(const T *x, i64 *counts, i64 n, i64 bins, double low, double high)
#define BINCOUNT(SUFFIX, T, NAME) \
    KERNEL(256) bincount_v1_atomics_##NAME##SUFFIX(const T *x, i64 *counts, i64 n, i64 bins)
#define DEFINE(MAKE, T, NAME, BIN)                                                            \
    MAKE(_zero, T, NAME) { zero(counts, bins); }                                              \
    MAKE(, T, NAME) { count<false>(counts, n, bins, [&](i64 i) -> i64 { return BIN; }); }     \
    MAKE(_wide, T, NAME) { count<true>(counts, n, bins, [&](i64 i) -> i64 { return BIN; }); }
#define REAL(T, NAME) DEFINE(HISTOGRAM, T, NAME, bin_of(static_cast<double>(widen(x[i])), bins, low, high))
#define WHOLE(T, NAME) DEFINE(BINCOUNT, T, NAME, x[i] >= 0 && x[i] < bins ? static_cast<i64>(x[i]) : -1)
REAL(float, f32)
REAL(bf16, bf16)
REAL(f16, f16)
WHOLE(u8, u8)
WHOLE(int, i32)
WHOLE(i64, i64)
