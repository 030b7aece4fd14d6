// The product with packed weights, decoded in registers on their way into the sums.
// Learned: x is rearranged once, so that the upper halves of W bytes meet x's even elements and the lower halves its
// odd ones: no code has to be put in order. A weight decoded for one row of x serves up to four.
#include "nibbles.h"
#include "parallel.h"

constexpr int AT_ONCE = 4;  // rows of x

// Rows of x in groups of 2 W: the even elements of a group, then the odd ones.
template <class T>
static void rearrange(const T *x, int64_t k, float *y) {
    for (int64_t i = 0; i < k; i += 2 * W)
        for (int j = 0; j < W; j++) {
            y[i + j] = widen(x[i + 2 * j]);
            y[i + W + j] = widen(x[i + 2 * j + 1]);
        }
}

struct Product {
    const uint8_t *packed;
    const float *values;
    Scales scales;
    int64_t k, n, blocksize;
};

// One row of weights times M rows of x; k and the block size are multiples of 2 W.
template <int M>
static void row_times(const Product &of, const Table &values, int64_t row, const float *x, vf (&total)[M]) {
    vf sums[M][4] = {};
    const int shift = __builtin_ctzll(uint64_t(of.blocksize));  // a division takes longer than a block
    const int64_t first = row * of.k;
    int64_t block = first >> shift, room = ((block + 1) << shift) - first;
    const uint8_t *codes = of.packed + uint64_t(first) / 2;
    for (int64_t left = of.k; left > 0; room = of.blocksize, block++) {
        int64_t run = left < room ? left : room, pairs = run / (4 * W);
        left -= run;
        Table scaled(values, of.scales[block]);
        for (; pairs; pairs--, codes += 2 * W, x += 4 * W) {
            vi here = codes8::load_codes(codes), there = codes8::load_codes(codes + W);
            vf w0 = scaled[here >> 4], w1 = scaled[here], w2 = scaled[there >> 4], w3 = scaled[there];
            for (int m = 0; m < M; m++) {
                const float *p = x + m * of.k;
                sums[m][0] += w0 * load(p);
                sums[m][1] += w1 * load(p + W);
                sums[m][2] += w2 * load(p + 2 * W);
                sums[m][3] += w3 * load(p + 3 * W);
            }
        }
        if (run % (4 * W)) {  // 2 W are left
            vi here = codes8::load_codes(codes);
            vf w0 = scaled[here >> 4], w1 = scaled[here];
            for (int m = 0; m < M; m++) {
                sums[m][0] += w0 * load(x + m * of.k);
                sums[m][1] += w1 * load(x + m * of.k + W);
            }
            codes += W;
            x += 2 * W;
        }
    }
    for (int m = 0; m < M; m++) total[m] = (sums[m][0] + sums[m][1]) + (sums[m][2] + sums[m][3]);
}

template <int M, class T>
static void some_rows(const Product &of, const float *x, const T *bias, T *y, int threads) {
    parallel_for(of.n, 65536 / of.k + 1, threads, [&](int64_t begin, int64_t end) {
        Table values(of.values);
        for (int64_t row = begin; row < end; row++) {
            vf total[M];
            row_times<M>(of, values, row, x, total);
            for (int m = 0; m < M; m++)
                y[m * of.n + row] = narrow<T>(sum(total[m]) + (bias ? widen(bias[row]) : 0.0f));
        }
    });
}

// Any k: a row of weights is decoded to memory.
template <class T>
static int uneven(const Product &of, const T *x, const T *bias, T *y, int64_t rows, int threads) {
    int parts = threads < 1 ? 1 : threads;
    Scratch<float> decoded = scratch<float>(parts * of.k), wide = scratch<float>(rows * of.k);
    if (!decoded || !wide) return NO_MEMORY;
    for (int64_t i = 0; i < rows * of.k; i++) wide[i] = widen(x[i]);
    parallel_for(of.n, 65536 / (of.k + 1) + 1, threads, [&](int64_t begin, int64_t end, int64_t worker) {
        float *weights = decoded.get() + worker * of.k;
        Table values(of.values);
        for (int64_t row = begin; row < end; row++) {
            decode(of.packed, of.values, values, of.scales, of.blocksize, row * of.k, (row + 1) * of.k, weights);
            for (int64_t m = 0; m < rows; m++) {
                vf sums = vf{};
                float rest = 0;
                int64_t i = 0;
                for (; i + W <= of.k; i += W) sums += load(weights + i) * load(wide.get() + m * of.k + i);
                for (; i < of.k; i++) rest += weights[i] * wide[m * of.k + i];
                y[m * of.n + row] = narrow<T>(sum(sums) + rest + (bias ? widen(bias[row]) : 0.0f));
            }
        }
    });
    return OK;
}

template <class T>
static int multiply(const Product &of, const T *x, const T *bias, T *y, int64_t rows, int threads) {
    if (of.k % (2 * W) || of.k == 0) return uneven(of, x, bias, y, rows, threads);
    int64_t most = rows < AT_ONCE ? rows : AT_ONCE;
    Scratch<float> wide = scratch<float>(most * of.k);
    if (!wide) return NO_MEMORY;
    for (int64_t from = 0; from < rows; from += AT_ONCE) {
        int64_t count = rows - from < AT_ONCE ? rows - from : AT_ONCE;
        for (int64_t m = 0; m < count; m++) rearrange(x + (from + m) * of.k, of.k, wide.get() + m * of.k);
        T *target = y + from * of.n;
        if (count == 1) some_rows<1>(of, wide.get(), bias, target, threads);
        if (count == 2) some_rows<2>(of, wide.get(), bias, target, threads);
        if (count == 3) some_rows<3>(of, wide.get(), bias, target, threads);
        if (count == 4) some_rows<4>(of, wide.get(), bias, target, threads);
    }
    return OK;
}

#define DEFINE(T, NAME)                                                                                             \
    KERNEL gemm_4bit_v2_fused_##NAME(const T *x, const uint8_t *packed, const float *values, const float *absmax,   \
                                     const uint8_t *absmax8, const float *nested, const float *nested_map,          \
                                     const T *bias, T *y, int64_t rows, int64_t k, int64_t bytes, int64_t blocks,   \
                                     int64_t groups, int64_t n, int64_t blocksize, int64_t group, double offset,    \
                                     int threads) {                                                                 \
        (void)bytes, (void)blocks, (void)groups;                                                                    \
        Product of{packed, values, {absmax, absmax8, nested, nested_map, group, float(offset)}, k, n, blocksize};   \
        return multiply(of, x, bias, y, rows, threads);                                                             \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
