// bfloat16 and int8 on the tile registers (AMX): a product of 16 by 16 results per instruction, a tile of 32 by 32
// at a time.
// Learned: four tiles of sums with two of each operand ask for one load per product, which is what the nearest
// cache gives; so all lies in L1 and L2 in the order of use, as blocks of 1 KB. Whole tiles wait for the next
// block of depth, edges are cut when a tile is stored: the inner loop knows neither.
#include "products.h"

using namespace gemm;

struct Configuration {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
};
alignas(64) static const Configuration ALL_FULL = {
    1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

template <class Number>
struct Tiles {
    typedef Number Acc;
    static constexpr int MR = 32, NR = 32, KC = 128, MC = 128, NC = 512;
    struct Session {
        Session() { _tile_loadconfig(&ALL_FULL); }
        ~Session() { _tile_release(); }
    };
    static int64_t a_panel(int64_t words) { return words * MR; }
    static int64_t b_panel(int64_t words) { return words * NR; }

    static void tile(int64_t words, const int32_t *a, const int32_t *b, Acc *c, bool add, int) {
        asm volatile("" ::: "memory");  // the loads do not say that they read: what was packed must be there
        if (add) {
            _tile_loadd(0, c, 128);
            _tile_loadd(1, c + 16, 128);
            _tile_loadd(2, c + 16 * NR, 128);
            _tile_loadd(3, c + 16 * NR + 16, 128);
        } else {
            _tile_zero(0);
            _tile_zero(1);
            _tile_zero(2);
            _tile_zero(3);
        }
        for (int64_t w = 0; w < words; w += 16, a += 512, b += 512) {
            _tile_loadd(4, a, 64);
            _tile_loadd(6, b, 64);
            _tile_loadd(7, b + 256, 64);
            _tile_loadd(5, a + 256, 64);
            if constexpr (std::is_same_v<Acc, float>) {
                _tile_dpbf16ps(0, 4, 6);
                _tile_dpbf16ps(1, 4, 7);
                _tile_dpbf16ps(2, 5, 6);
                _tile_dpbf16ps(3, 5, 7);
            } else {
                _tile_dpbssd(0, 4, 6);
                _tile_dpbssd(1, 4, 7);
                _tile_dpbssd(2, 5, 6);
                _tile_dpbssd(3, 5, 7);
            }
        }
        _tile_stored(0, c, 128);
        _tile_stored(1, c + 16, 128);
        _tile_stored(2, c + 16 * NR, 128);
        _tile_stored(3, c + 16 * NR + 16, 128);
    }
};

// Blocks of 16 by 16 words, two side by side for each 16 words of depth: for rows a line of the block is the depth
// of one row, for columns it is one word of 16 columns.
template <class K, bool BY_DEPTH>
static void pack_tiles(const Lines &s, int64_t line, int64_t depth, int64_t words, int32_t *to) {
    for (int64_t w = 0; w < words; w += 16, to += 512) {
        block<K>(s, line, depth + w * K::PER_WORD, BY_DEPTH, to, 16, 16);
        block<K>(s, line + 16, depth + w * K::PER_WORD, BY_DEPTH, to + 256, 16, 16);
    }
}

template <class K, class Number>
struct TileEngine {
    typedef Tiles<Number> Kernel;
    static constexpr Pack ROWS = pack_tiles<K, false>, COLUMNS = pack_tiles<K, true>;
    static constexpr int PER_WORD = K::PER_WORD, FEWEST = 4;
};
typedef TileEngine<Halves, float> HalfEngine;
typedef TileEngine<Fours<false>, int32_t> IntEngine;

MATMUL(v3_amx, HalfEngine, bf16, bf16, bf16_bf16)
MATMUL(v3_amx, HalfEngine, bf16, float, bf16_f32)
GROUPED(v3_amx, HalfEngine, bf16, bf16)
INT8(v3_amx, IntEngine, float, f32)
INT8(v3_amx, IntEngine, bf16, bf16)
