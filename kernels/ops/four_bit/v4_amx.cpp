// The product for many rows of bfloat16 x in the processor's matrix unit: weights are decoded to bfloat16.
// Learned: computed transposed as in v3, decoded weights are the unit's left operand just as they lie, so that nothing
// but x is rearranged; sixteen products of a block's scale are rounded once, and a weight is one 16-bit look-up.
// x comes from beyond L2 for each set of weights: 128 rows of them at a time are three times as fast as 32.
#include "nibbles.h"
#include "parallel.h"
#include "transpose.h"

constexpr int SIDE = 16;             // rows of a tile of 64 bytes each
constexpr int DEEP = 32;             // of k, in a tile
constexpr int WIDE = 2 * SIDE;       // rows of each operand that are multiplied at once
constexpr int TALL = 4 * WIDE;       // rows of weights that are decoded at once: they stay in L2
constexpr int TILE = SIDE * DEEP;    // elements of an operand's tile

struct alignas(64) Configuration {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Sixteen rows of x as tiles over k: pairs of neighbours in k, one pair of each row after the other.
static void rearrange(const bf16 *x, int64_t rows, int64_t k, int64_t deep, int64_t panel, bf16 *y) {
    for (int64_t d = 0; d < deep; d++, y += TILE) {
        alignas(64) bf16 block[TILE] = {};
        const int64_t from = d * DEEP, there = k - from < DEEP ? k - from : DEEP;
        for (int64_t m = 0; m < SIDE && panel * SIDE + m < rows; m++)
            memcpy(block + m * DEEP, x + (panel * SIDE + m) * k + from, size_t(there) * sizeof(bf16));
        __m512i turned[SIDE];
        transpose16((const int32_t *)block, SIDE, turned);
        for (int i = 0; i < SIDE; i++) _mm512_storeu_si512(y + i * DEEP, turned[i]);
    }
}

// 32 rows of weights by 32 of x: sums is [x][weights].
static void tile(const bf16 *weights, int64_t line, const bf16 *x0, const bf16 *x1, int64_t deep, float *sums) {
    const int64_t stride = line * 2;
    const bf16 *lower = weights + SIDE * line;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t d = 0; d < deep; d++) {
        _tile_loadd(4, weights + d * DEEP, stride);
        _tile_loadd(5, lower + d * DEEP, stride);
        _tile_loadd(6, x0 + d * TILE, 64);
        _tile_loadd(7, x1 + d * TILE, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, WIDE * 4);
    _tile_stored(1, sums + SIDE, WIDE * 4);
    _tile_stored(2, sums + SIDE * WIDE, WIDE * 4);
    _tile_stored(3, sums + SIDE * WIDE + SIDE, WIDE * 4);
}

struct Product {
    const uint8_t *packed;
    const float *values;
    Scales scales;
    int64_t rows, k, n, blocksize, deep;
};

// A tile of sums, turned, to where it belongs: `count` rows of weights from j on, rows of x from m on.
static void finish(const Product &of, const float *sums, int64_t j, int64_t count, int64_t m, const bf16 *bias,
                   bf16 *y) {
    for (int64_t part = 0; part < count; part += SIDE) {
        const int columns = int(count - part < SIDE ? count - part : SIDE);
        const bf16 *shift = bias ? bias + j + part : nullptr;
        vf more = !bias ? vf{} : columns == SIDE ? load(shift) : load_some(shift, columns, 0);
        for (int64_t half = 0; half < WIDE && m + half < of.rows; half += SIDE) {
            __m512i turned[SIDE];
            transpose16((const int32_t *)sums + part * WIDE + half, WIDE, turned);
            for (int64_t i = 0; i < SIDE && m + half + i < of.rows; i++) {
                bf16 *target = y + (m + half + i) * of.n + j + part;
                vf value = (vf)turned[i] + more;
                if (columns == SIDE)
                    store(target, value);
                else
                    store_some(target, columns, value);
            }
        }
    }
}

static void panel_of_weights(const Product &of, int64_t panel, const bf16 *x, const bf16 *bias, bf16 *y,
                             bf16 *weights) {
    const int64_t line = of.deep * DEEP, apart = line + DEEP, first = panel * TALL;
    const int64_t count = of.n - first < TALL ? of.n - first : TALL;
    Table values(of.values);
    for (int64_t j = 0; j < TALL; j++) {
        int64_t done = j < count ? of.k : 0, from = (first + j) * of.k;
        decode(of.packed, of.values, values, of.scales, of.blocksize, from, from + done, weights + j * apart);
        memset(weights + j * apart + done, 0, size_t(line - done) * 2);
    }
    for (int64_t m = 0; m < of.rows; m += WIDE) {
        for (int64_t j = 0; j < count; j += WIDE) {
            alignas(64) float sums[WIDE * WIDE];
            tile(weights + j * apart, apart, x + m * line, x + (m + SIDE) * line, of.deep, sums);
            finish(of, sums, first + j, count - j < WIDE ? count - j : WIDE, m, bias, y);
        }
    }
}

static int multiply(const Product &of, const bf16 *x, const bf16 *bias, bf16 *y, int threads) {
    const int64_t line = of.deep * DEEP;
    int64_t panels = (of.rows + WIDE - 1) / WIDE * 2, tall = (of.n + TALL - 1) / TALL;
    int parts = threads < 1 ? 1 : threads;
    Scratch<bf16> tiles = scratch<bf16>(panels * SIDE * line), weights = scratch<bf16>(parts * TALL * (line + DEEP));
    if (!tiles || !weights) return NO_MEMORY;
    parallel_for(panels, 1, threads, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; p++) rearrange(x, of.rows, of.k, of.deep, p, tiles.get() + p * SIDE * line);
    });
    parallel_for(tall, 1, threads, [&](int64_t begin, int64_t end, int64_t worker) {
        static const Configuration configuration;
        _tile_loadconfig(&configuration);
        bf16 *mine = weights.get() + worker * TALL * (line + DEEP);
        for (int64_t p = begin; p < end; p++) panel_of_weights(of, p, tiles.get(), bias, y, mine);
        _tile_release();
    });
    return OK;
}

KERNEL gemm_4bit_v4_amx_bf16(const bf16 *x, const uint8_t *packed, const float *values, const float *absmax,
                             const uint8_t *absmax8, const float *nested, const float *nested_map, const bf16 *bias,
                             bf16 *y, int64_t rows, int64_t k, int64_t bytes, int64_t blocks, int64_t groups,
                             int64_t n, int64_t blocksize, int64_t group, double offset, int threads) {
    (void)bytes, (void)blocks, (void)groups;
    Scales scales{absmax, absmax8, nested, nested_map, group, float(offset)};
    return multiply(Product{packed, values, scales, rows, k, n, blocksize, (k + DEEP - 1) / DEEP}, x, bias, y, threads);
}
