// As v1_atomics, 16 bytes of elements at a time, and of real numbers the bin is guessed in float32.
// Learned: two divisions in double precision to an element take longer than reading it, on small cards many times. A
// product in float32 says the same wherever its error, for which there is a bound, does not reach the next edge; only
// what lies that close to one is worked out as v1 does.
#include "bins.cuh"

// bins that are surely right, by float32; the others by the edges.
struct Guess {
    float low, scale, error;
    i64 bins;
    double from, to;

    DEVICE Guess(i64 bins, double low, double high)
        : low(static_cast<float>(low)), scale(static_cast<float>(static_cast<double>(bins) / (high - low))), bins(bins),
          from(low), to(high) {
        const double most = fabs(low) > fabs(high) ? fabs(low) : fabs(high);
        // Roundings of low, of the difference, of the scale and of the product, each 2^-24 of what it rounds; doubled.
        error = static_cast<float>((3 * most * (static_cast<double>(bins) / (high - low)) + 2 * static_cast<double>(bins)) *
                                   0x1p-23);
    }
    DEVICE i64 operator()(float v) const {
        const float at = (v - low) * scale, whole = floorf(at), part = at - whole;
        if (part > error && part < 1 - error && at > 0 && at < static_cast<float>(bins)) return static_cast<i64>(whole);
        return bin_of(static_cast<double>(v), bins, from, to);
    }
};
struct Label {
    i64 bins;
    template <class T>
    DEVICE i64 operator()(T x) const {
        return x >= 0 && x < bins ? static_cast<i64>(x) : -1;
    }
};

DEVICE float plain(float x) { return x; }
DEVICE float plain(bf16 x) { return widen(x); }
DEVICE float plain(f16 x) { return widen(x); }
DEVICE u8 plain(u8 x) { return x; }
DEVICE int plain(int x) { return x; }
DEVICE i64 plain(i64 x) { return x; }

template <bool Wide, class T, class F>
DEVICE void count(const T *x, i64 *counts, i64 n, i64 bins, F bin) {
    constexpr int EACH = 16 / sizeof(T);
    u32 *mine = static_cast<u32 *>(dynamic_shared());
    const auto add = [&](T value) {
        const i64 at = bin(plain(value));
        if (at < 0) return;
        if (Wide)
            atomicAdd(reinterpret_cast<u64 *>(counts + at), 1ull);
        else
            atomicAdd(mine + at, 1u);
    };
    if (!Wide) {
        for (i64 i = threadIdx.x; i < bins; i += blockDim.x) mine[i] = 0;
        __syncthreads();
    }
    const i64 step = static_cast<i64>(gridDim.x) * blockDim.x, first = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    for (i64 i = first; i < n / EACH; i += step) {
        union {
            uint4 raw;
            T item[EACH];
        } z;
        z.raw = load16(x + i * EACH);
#pragma unroll
        for (int e = 0; e < EACH; e++) add(z.item[e]);
    }
    for (i64 i = n / EACH * EACH + first; i < n; i += step) add(x[i]);
    if (!Wide) {
        __syncthreads();
        for (i64 i = threadIdx.x; i < bins; i += blockDim.x)
            if (mine[i]) atomicAdd(reinterpret_cast<u64 *>(counts + i), static_cast<u64>(mine[i]));
    }
}

#define HISTOGRAM(SUFFIX, T, NAME)                                                                            \
    KERNEL(256) histogram_v2_guess_##NAME##SUFFIX(const T *x, i64 *counts, i64 n, i64 bins, double low, double high)
#define BINCOUNT(SUFFIX, T, NAME) \
    KERNEL(256) bincount_v2_guess_##NAME##SUFFIX(const T *x, i64 *counts, i64 n, i64 bins)
#define DEFINE(MAKE, T, NAME, BIN)                                  \
    MAKE(_zero, T, NAME) { zero(counts, bins); }                    \
    MAKE(, T, NAME) { count<false>(x, counts, n, bins, BIN); }      \
    MAKE(_wide, T, NAME) { count<true>(x, counts, n, bins, BIN); }
#define REAL(T, NAME) DEFINE(HISTOGRAM, T, NAME, Guess(bins, low, high))
#define WHOLE(T, NAME) DEFINE(BINCOUNT, T, NAME, Label{bins})
REAL(float, f32)
REAL(bf16, bf16)
REAL(f16, f16)
WHOLE(u8, u8)
WHOLE(int, i32)
WHOLE(i64, i64)
