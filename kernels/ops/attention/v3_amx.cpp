// Flash attention for bfloat16 on tile registers: 32 rows by 32 columns of sums in four tiles, two tiles of each side.
// Learned: products are then a sixteenth of the time and the exponential is most of it, so its polynomial is as short
// as weights rounded to bfloat16 allow, tiles have 256 keys to pay once for the largest of a row, and 32-bit pairs
// are what is turned: a pair of a key's numbers for the logits, the same column of two keys for the values.
#include "flash.h"

using namespace flash;

namespace {

struct alignas(64) TileConfig {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {};
    uint8_t rows[16] = {};
};

// 16 rows of 64 bytes in all eight tiles, as long as this lives.
struct Tiles {
    Tiles() {
        TileConfig config;
        for (int i = 0; i < 8; i++) config.bytes[i] = 64, config.rows[i] = 16;
        asm volatile("" ::"r"(&config) : "memory");  // the intrinsics do not say how much memory they read
        _tile_loadconfig(&config);
    }
    ~Tiles() { _tile_release(); }
};

constexpr int64_t TILE = 512;  // bfloat16 numbers in a tile: 16 rows of 32

// The 32 x 32 sums of a (32 rows, lda bytes apart, `steps` blocks of 32 columns) and b (for each step two tiles side by
// side; `next` numbers to the next step).
inline void multiply_tiles(float *c, int64_t ldc, const bf16 *a, int64_t lda, const bf16 *b, int64_t next,
                           int64_t beside, int64_t steps, bool add) {
    int64_t row = ldc * int64_t(sizeof(float));
    float *lower = c + 16 * ldc;
    asm volatile("" ::: "memory");  // as above
    if (add) {
        _tile_loadd(0, c, row);
        _tile_loadd(1, c + 16, row);
        _tile_loadd(2, lower, row);
        _tile_loadd(3, lower + 16, row);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    const char *left = reinterpret_cast<const char *>(a);
    for (int64_t t = 0; t < steps; t++, left += 64, b += next) {
        _tile_loadd(4, left, lda);
        _tile_loadd(6, b, 64);
        _tile_loadd(5, left + 16 * lda, lda);
        _tile_loadd(7, b + beside, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, row);
    _tile_stored(1, c + 16, row);
    _tile_stored(2, lower, row);
    _tile_stored(3, lower + 16, row);
    asm volatile("" ::: "memory");
}

// The n numbers from x (n > 0), at most 32, zeros behind them.
inline __m512i load_pairs(const bf16 *x, int64_t n) {
    if (n >= 32) return _mm512_loadu_si512(x);
    return _mm512_maskz_loadu_epi16(__mmask32((1ull << n) - 1), x);
}

struct Amx {
    static constexpr int64_t KEYS = 256, ROWS = 32, STEP = 32;
    static constexpr int DEGREE = 4;

    Tiles tiles;
    bf16 *keys, *values, *p, *queries;  // keys: [KEYS/16][steps][TILE]; values: [KEYS/32][ld/16][TILE]
    float *grid;                        // [ROWS][KEYS]
    const Call<bf16> *z = nullptr;
    const uint8_t *there = nullptr;
    int64_t key = 0, d, e, wide, ld, steps;

    static int64_t bytes(const Call<bf16> &z, int64_t rows) {
        int64_t wide = round_up(z.d, 32), ld = round_up(z.e, 32);
        return ROWS * KEYS * 6 + (wide + ld) * KEYS * 2 + round_up(rows, ROWS) * wide * 2;
    }
    Amx(const Call<bf16> &z, char *memory, int64_t)
        : d(z.d), e(z.e), wide(round_up(z.d, 32)), ld(round_up(z.e, 32)), steps(wide / 32) {
        grid = reinterpret_cast<float *>(memory);
        p = reinterpret_cast<bf16 *>(grid + ROWS * KEYS);
        keys = p + ROWS * KEYS;
        values = keys + wide * KEYS;
        queries = values + ld * KEYS;
    }
    void open(const Call<bf16> &call, int64_t row, int64_t rows) {
        z = &call;
        for (int64_t i = 0; i < round_up(rows, ROWS); i++)
            for (int64_t t = 0; t < wide; t += 32) {
                __m512i x = i < rows ? load_pairs(call.q + (row + i) * d + t, d - t) : _mm512_setzero_si512();
                _mm512_storeu_si512(queries + i * wide + t, x);
            }
    }
    bool pack(const Call<bf16> &call, int64_t from, const uint8_t *here, int64_t n) {
        key = from, there = here;
        for (int64_t i = 0; i < round_up(n, 32); i += 16)
            for (int64_t t = 0; t < wide; t += 32) pack_keys(call.k + from * d, i, t, n);
        bool finite = true;
        for (int64_t i = 0; i < round_up(n, 32); i += 2) finite &= pack_values(call.v + from * e, i, n);
        return finite;
    }
    bool is(int64_t i, int64_t n) const { return i < n && (!there || there[i]); }

    // Keys i to i + 16, numbers t to t + 32: row l of the tile holds the pair l of every key.
    void pack_keys(const bf16 *k, int64_t i, int64_t t, int64_t n) {
        vi r[W];
#pragma GCC unroll 16
        for (int l = 0; l < W; l++)
            r[l] = is(i + l, n) ? (vi)load_pairs(k + (i + l) * d + t, d - t) : vi{};
        flip(r);
        bf16 *tile = keys + (i / 16 * steps + t / 32) * TILE;
#pragma GCC unroll 16
        for (int l = 0; l < W; l++) memcpy(tile + l * 32, &r[l], 64);
    }
    // Keys i and i + 1: row i / 2 of its tiles holds a column's two numbers side by side. Whether they are finite.
    bool pack_values(const bf16 *v, int64_t i, int64_t n) {
        const __m512i exponent = _mm512_set1_epi16(0x7f80);
        __mmask32 odd = 0;
        for (int64_t t = 0; t < ld; t += 32) {
            __m512i zero = _mm512_setzero_si512();
            __m512i x = is(i, n) ? load_pairs(v + i * e + t, e - t) : zero;
            __m512i y = is(i + 1, n) ? load_pairs(v + (i + 1) * e + t, e - t) : zero;
            odd |= _mm512_cmpeq_epi16_mask(_mm512_and_si512(x, exponent), exponent);
            odd |= _mm512_cmpeq_epi16_mask(_mm512_and_si512(y, exponent), exponent);
            bf16 *tile = values + (i / 32 * (ld / 16) + t / 16) * TILE + i % 32 / 2 * 32;
            pair(_mm512_castsi512_si256(x), _mm512_castsi512_si256(y), tile);
            pair(_mm512_extracti64x4_epi64(x, 1), _mm512_extracti64x4_epi64(y, 1), tile + TILE);
        }
        return !odd;
    }
    static void pair(__m256i x, __m256i y, bf16 *to) {
        __m512i both = _mm512_or_si512(_mm512_cvtepu16_epi32(x), _mm512_slli_epi32(_mm512_cvtepu16_epi32(y), 16));
        _mm512_storeu_si512(to, both);
    }

    float *logits(int64_t r) { return grid + r * KEYS; }
    bf16 *weights(int64_t r) { return p + r * KEYS; }
    void multiply(int64_t i, int64_t, int64_t cols) {
        for (int64_t j = 0; j < cols; j += 32)
            multiply_tiles(grid + j, KEYS, queries + i * wide, wide * 2, keys + j / 16 * steps * TILE, TILE,
                           steps * TILE, steps, false);
    }
    void gather(State &state, int64_t i, int64_t, int64_t n) {
        for (int64_t t = 0; t < ld; t += 32)
            multiply_tiles(state.sums + i * ld + t, ld, p, KEYS * 2, values + t / 16 * TILE, ld / 16 * TILE, TILE,
                           (n + 31) / 32, true);
    }
    void gather_row(State &state, int64_t i, int64_t r, int64_t seen) {
        for (int64_t j = 0; j < seen; j++)
            if (is(j, seen))
                for (int64_t t = 0; t < e; t++)
                    state.sums[i * ld + t] += widen(p[r * KEYS + j]) * widen(z->v[(key + j) * e + t]);
    }
};

}  // namespace

DEFINE_ATTENTION(attention_v3_amx_bf16, bf16, Amx, 512)
