// The product for many rows of x: a few rows of weights are decoded to the cache, then multiplied with all of x.
// Learned: it is computed transposed. Decoded weights are used as they lie, one broadcast each, and what has to be
// rearranged is x, which is smaller and needs it once; the sums of a tile stay in registers over many k. Decoded
// rows must not lie a power of two apart: they would push each other out of the cache. Decoding all weights anew for
// every 1 MB of x costs less than reading x from beyond L2 for every twelve of them.
#include "nibbles.h"
#include "parallel.h"

constexpr int TALL = W == 16 ? 12 : 6;  // rows of weights in a tile
constexpr int WIDE = 2 * W;             // rows of x in a tile
constexpr int KEPT = 1 << 18;           // floats of x that stay in L2 while all weights pass
constexpr int LINE = 16;                // floats in a line of the cache
constexpr int CHAIN = 256;              // of k that are added up one by one: a longer chain loses more

// x as panels of WIDE rows, k by k; rows that are not there are zeros.
template <class T>
static void rearrange(const T *x, int64_t rows, int64_t k, int64_t panel, float *y) {
    for (int64_t m = 0; m < WIDE; m++) {
        int64_t row = panel * WIDE + m;
        for (int64_t i = 0; i < k; i++) y[i * WIDE + m] = row < rows ? widen(x[row * k + i]) : 0.0f;
    }
}

static void tile(const float *weights, int64_t line, const float *x, int64_t k, float *sums) {
    memset(sums, 0, TALL * WIDE * sizeof *sums);
    for (int64_t from = 0; from < k; from += CHAIN) {
        const int64_t to = from + CHAIN < k ? from + CHAIN : k;
        vf left[TALL] = {}, right[TALL] = {};
        for (int64_t i = from; i < to; i++) {
            vf x0 = load(x + i * WIDE), x1 = load(x + i * WIDE + W);
#pragma GCC unroll 12
            for (int j = 0; j < TALL; j++) {
                vf w = splat(weights[j * line + i]);
                left[j] += w * x0;
                right[j] += w * x1;
            }
        }
#pragma GCC unroll 12
        for (int j = 0; j < TALL; j++) {
            store(sums + j * WIDE, load(sums + j * WIDE) + left[j]);
            store(sums + j * WIDE + W, load(sums + j * WIDE + W) + right[j]);
        }
    }
}

struct Product {
    const uint8_t *packed;
    const float *values;
    Scales scales;
    int64_t rows, k, n, blocksize;
    int64_t line = k + LINE;  // between decoded rows: a power of two would put all of them into one set of the cache
};

struct Rows {  // of x
    int64_t from, to;
};

template <class T>
static void panel_of_weights(const Product &of, Rows part, int64_t panel, const float *x, const T *bias, T *y,
                             float *weights) {
    int64_t first = panel * TALL, count = of.n - first < TALL ? of.n - first : TALL;
    Table values(of.values);
    for (int64_t j = 0; j < count; j++)
        decode(of.packed, of.values, values, of.scales, of.blocksize, (first + j) * of.k, (first + j + 1) * of.k,
               weights + j * of.line);
    memset(weights + count * of.line, 0, size_t(TALL - count) * of.line * sizeof(float));
    for (int64_t m = part.from; m < part.to; m += WIDE) {
        alignas(64) float sums[TALL * WIDE];
        tile(weights, of.line, x + m * of.k, of.k, sums);
        int64_t there = part.to - m < WIDE ? part.to - m : WIDE;
        for (int64_t i = 0; i < there; i++)
            for (int64_t j = 0; j < count; j++)
                y[(m + i) * of.n + first + j] =
                    narrow<T>(sums[j * WIDE + i] + (bias ? widen(bias[first + j]) : 0.0f));
    }
}

template <class T>
static int multiply(const Product &of, const T *x, const T *bias, T *y, int threads) {
    int64_t panels = (of.rows + WIDE - 1) / WIDE, tall = (of.n + TALL - 1) / TALL;
    int parts = threads < 1 ? 1 : threads;
    Scratch<float> wide = scratch<float>(panels * WIDE * of.k), weights = scratch<float>(parts * TALL * of.line);
    if (!wide || !weights) return NO_MEMORY;
    parallel_for(panels, 1, threads, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; p++) rearrange(x, of.rows, of.k, p, wide.get() + p * WIDE * of.k);
    });
    const int64_t kept = (KEPT / (of.k + 1) / WIDE + 1) * WIDE;
    parallel_for(tall, 1, threads, [&](int64_t begin, int64_t end, int64_t worker) {
        float *mine = weights.get() + worker * TALL * of.line;
        for (int64_t m = 0; m < of.rows; m += kept) {
            Rows part{m, m + kept < of.rows ? m + kept : of.rows};
            for (int64_t p = begin; p < end; p++) panel_of_weights(of, part, p, wide.get(), bias, y, mine);
        }
    });
    return OK;
}

#define DEFINE(T, NAME)                                                                                              \
    KERNEL gemm_4bit_v3_panels_##NAME(const T *x, const uint8_t *packed, const float *values, const float *absmax,   \
                                      const uint8_t *absmax8, const float *nested, const float *nested_map,          \
                                      const T *bias, T *y, int64_t rows, int64_t k, int64_t bytes, int64_t blocks,   \
                                      int64_t groups, int64_t n, int64_t blocksize, int64_t group, double offset,    \
                                      int threads) {                                                                 \
        (void)bytes, (void)blocks, (void)groups;                                                                     \
        Scales scales{absmax, absmax8, nested, nested_map, group, float(offset)};                                    \
        return multiply(Product{packed, values, scales, rows, k, n, blocksize}, x, bias, y, threads);                \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
