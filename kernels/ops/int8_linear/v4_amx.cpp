// Products of int8 in the processor's matrix unit, for many rows of x.
// Learned: the product is computed transposed, so that the weight is the unit's left operand as it lies in memory and
// only x is rearranged; sums are turned back in registers, sixteen by sixteen, on their way to being scaled.
#include "activations.h"
#include "transpose.h"

constexpr int SIDE = 16;  // rows of a tile of 64 bytes each
constexpr int DEEP = 64;  // of k, in a tile
constexpr int WIDE = 2 * SIDE;

struct alignas(64) Configuration {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Sixteen rows of codes as tiles over k: four neighbours in k of each row after the other.
static void rearrange(const int8_t *codes, int64_t rows, int64_t line, int64_t panel, int8_t *tiles) {
    alignas(64) static const int8_t nothing[DEEP] = {};
    for (int64_t d = 0; d < line; d += DEEP) {
        alignas(64) int8_t block[SIDE * DEEP];
        for (int64_t m = 0; m < SIDE; m++) {
            int64_t row = panel * SIDE + m;
            memcpy(block + m * DEEP, row < rows ? codes + row * line + d : nothing, DEEP);
        }
        __m512i turned[16];
        transpose16((const int32_t *)block, 16, turned);
        for (int i = 0; i < 16; i++) _mm512_storeu_si512(tiles + d * SIDE + i * DEEP, turned[i]);
    }
}

// 32 rows of the weight by 32 of x; `stride` bytes between rows of the weight.
static void tile(const int8_t *weight, int64_t stride, const int8_t *last, const int8_t *x0, const int8_t *x1, int64_t k,
                 int32_t *sums) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t d = 0; d < k; d += DEEP) {
        const bool whole = weight && d + DEEP <= k;
        const int8_t *w = whole ? weight + d : last + (weight ? 0 : d * WIDE);
        const int64_t apart = whole ? stride : DEEP;
        _tile_loadd(4, w, apart);
        _tile_loadd(5, w + SIDE * apart, apart);
        _tile_loadd(6, x0 + d * SIDE, 64);
        _tile_loadd(7, x1 + d * SIDE, 64);
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    _tile_stored(0, sums, WIDE * 4);
    _tile_stored(1, sums + SIDE, WIDE * 4);
    _tile_stored(2, sums + SIDE * WIDE, WIDE * 4);
    _tile_stored(3, sums + SIDE * WIDE + SIDE, WIDE * 4);
}

// What tiles cannot read where it lies, filled up with zeros: the end of 32 rows, or all of them where there are
// fewer; in blocks of 32 rows of 64.
static void copy_blocks(const int8_t *weight, int64_t rows, int64_t k, int64_t from, int8_t *to) {
    for (int64_t d = from; d < k; d += DEEP, to += WIDE * DEEP) {
        int64_t count = k - d < DEEP ? k - d : DEEP;
        memset(to, 0, WIDE * DEEP);
        for (int64_t j = 0; j < rows; j++) memcpy(to + j * DEEP, weight + j * k + d, size_t(count));
    }
}

template <class T>
struct Product {
    const Activations<T> &a;
    const int8_t *tiles, *weight;
    const float *absmax;
    const T *bias;
    T *y;
    int64_t n;

    // Sums of 32 rows of the weight from j on by 32 of x from m on, scaled and stored.
    void finish(const int32_t *sums, int64_t j, int64_t m, const float *apart) const {
        for (int64_t part = 0; part < WIDE && j + part < n; part += SIDE) {
            int64_t count = n - j - part < SIDE ? n - j - part : SIDE;
            vf scale = load_some_or_all(absmax + j + part, count);
            vf shift = bias ? load_some_or_all(bias + j + part, count) : vf{};
            for (int64_t half = 0; half < WIDE; half += SIDE) {
                __m512i turned[16];
                transpose16(sums + part * WIDE + half, WIDE, turned);
                for (int64_t i = 0; i < SIDE && m + half + i < a.rows; i++) {
                    int64_t row = m + half + i;
                    vf value = (vf)_mm512_cvtepi32_ps(turned[i]) * (scale * a.absmax[row] / 16129.0f);
                    vf more = vf{};
                    for (int64_t c = 0; c < a.count; c++)
                        more += load(apart + c * WIDE + part) * a.apart[c * a.rows + row];
                    value += more * (scale / 127.0f);
                    value += shift;
                    if (count == SIDE)
                        store(y + row * n + j + part, value);
                    else
                        store_some(y + row * n + j + part, int(count), value);
                }
            }
        }
    }

    template <class U>
    static vf load_some_or_all(const U *p, int64_t count) {
        return count == SIDE ? load(p) : load_some(p, int(count), 0);
    }

    void rows_of_weight(int64_t j, int8_t *copied, float *apart) const {
        const int64_t k = a.k, there = n - j < WIDE ? n - j : WIDE;
        const int8_t *w = weight + j * k;
        copy_blocks(w, there, k, there < WIDE ? 0 : k / DEEP * DEEP, copied);
        for (int64_t c = 0; c < a.count; c++)
            for (int64_t i = 0; i < WIDE; i++) apart[c * WIDE + i] = i < there ? w[i * k + a.columns[c]] : 0;
        for (int64_t m = 0; m < a.rows; m += WIDE) {
            alignas(64) int32_t sums[WIDE * WIDE];
            const int8_t *x = tiles + m * a.line;
            tile(there < WIDE ? nullptr : w, k, copied, x, x + SIDE * a.line, k, sums);
            finish(sums, j, m, apart);
        }
    }
};

template <class T>
static int linear(const T *x, const int8_t *weight, const float *absmax, const T *bias, T *y, int64_t rows, int64_t k,
                  int64_t n, float threshold, int threads) {
    Activations<T> a(x, rows, k, DEEP, threshold, threads);
    if (!a.complete) return NO_MEMORY;
    const int64_t panels = rounded(rows, WIDE) / SIDE, parts = threads < 1 ? 1 : threads;
    Scratch<int8_t> tiles = scratch<int8_t>(panels * SIDE * a.line);
    Scratch<int8_t> copied = scratch<int8_t>(parts * WIDE * a.line);
    Scratch<float> apart = scratch<float>(parts * WIDE * a.count);
    if (!tiles || !copied || !apart) return NO_MEMORY;
    parallel_for(panels, 1, threads, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; p++)
            rearrange(a.codes.get(), rows, a.line, p, tiles.get() + p * SIDE * a.line);
    });
    Product<T> product{a, tiles.get(), weight, absmax, bias, y, n};
    parallel_for((n + WIDE - 1) / WIDE, 1, threads, [&](int64_t begin, int64_t end, int64_t worker) {
        static const Configuration configuration;
        _tile_loadconfig(&configuration);
        for (int64_t p = begin; p < end; p++)
            product.rows_of_weight(p * WIDE, copied.get() + worker * WIDE * a.line,
                                   apart.get() + worker * WIDE * a.count);
        _tile_release();
    });
    return OK;
}

#define DEFINE(T, NAME)                                                                                            \
    KERNEL int8_linear_v4_amx_##NAME(const T *x, const int8_t *weight, const float *absmax, const T *bias, T *y,   \
                                     int64_t rows, int64_t k, int64_t n, double threshold, int threads) {          \
        return linear(x, weight, absmax, bias, y, rows, k, n, float(threshold), threads);                          \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
