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
    static constexpr int MR = 32, NR = 32, KC = 256, MC = 256, NC = 512, MORE = 0;
    static constexpr bool WHOLE = true, IN_ROWS = false;
    struct Session {
        Session() { _tile_loadconfig(&ALL_FULL); }
        ~Session() { _tile_release(); }
    };

    static void tile(int rows, int columns, int64_t words, Panel a, Panel b, Acc *c, int64_t ld, bool add) {
        if (rows > 16)
            columns > 16 ? tile_of<true, true>(words, a.data, b.data, c, ld, add)
                         : tile_of<true, false>(words, a.data, b.data, c, ld, add);
        else
            columns > 16 ? tile_of<false, true>(words, a.data, b.data, c, ld, add)
                         : tile_of<false, false>(words, a.data, b.data, c, ld, add);
    }

    // LOWER: more than 16 rows; RIGHT: more than 16 columns.
    template <bool LOWER, bool RIGHT>
    static void tile_of(int64_t words, const int32_t *a, const int32_t *b, Acc *c, int64_t ld, bool add) {
        asm volatile("" ::: "memory");  // the loads do not say that they read: what was packed must be there
        const int64_t line = ld * 4;
        if (add) {
            _tile_loadd(0, c, line);
            if (RIGHT) _tile_loadd(1, c + 16, line);
            if (LOWER) _tile_loadd(2, c + 16 * ld, line);
            if (LOWER && RIGHT) _tile_loadd(3, c + 16 * ld + 16, line);
        } else {
            _tile_zero(0);
            _tile_zero(1);
            _tile_zero(2);
            _tile_zero(3);
        }
        for (int64_t w = 0; w < words; w += 16, a += 512, b += 512) {
            _tile_loadd(4, a, 64);
            _tile_loadd(6, b, 64);
            if (RIGHT) _tile_loadd(7, b + 256, 64);
            if (LOWER) _tile_loadd(5, a + 256, 64);
            if constexpr (std::is_same_v<Acc, float>) {
                _tile_dpbf16ps(0, 4, 6);
                if (RIGHT) _tile_dpbf16ps(1, 4, 7);
                if (LOWER) _tile_dpbf16ps(2, 5, 6);
                if (LOWER && RIGHT) _tile_dpbf16ps(3, 5, 7);
            } else {
                _tile_dpbssd(0, 4, 6);
                if (RIGHT) _tile_dpbssd(1, 4, 7);
                if (LOWER) _tile_dpbssd(2, 5, 6);
                if (LOWER && RIGHT) _tile_dpbssd(3, 5, 7);
            }
        }
        _tile_stored(0, c, line);
        if (RIGHT) _tile_stored(1, c + 16, line);
        if (LOWER) _tile_stored(2, c + 16 * ld, line);
        if (LOWER && RIGHT) _tile_stored(3, c + 16 * ld + 16, line);
    }
};

// Blocks of 16 by 16 words, two side by side for each 16 words of depth: for rows a line of the block is the depth
// of one row, for columns it is one word of 16 columns.
template <class K, bool BY_DEPTH>
static Panel pack_tiles(const Lines &s, int64_t line, int count, int64_t depth, int64_t words, int32_t *to) {
    for (int64_t w = 0; w < words; w += 16) {
        block<K>(s, line, depth + w * K::PER_WORD, BY_DEPTH, to + w * 32, 16, 16);
        if (count > 16) block<K>(s, line + 16, depth + w * K::PER_WORD, BY_DEPTH, to + w * 32 + 256, 16, 16);
    }
    return {to, 0, 0};
}

template <class K, class Number>
struct TileEngine {
    typedef Tiles<Number> Kernel;
    static constexpr bool AS_IT_IS = false;
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
