// Tiles of the result in registers, operands packed into panels, blocks for each cache; int8 through int16 pairs,
// or four at once where the processor can (VNNI).
// Learned: of a tile of 8 rows by three vectors, each vector loaded serves 8 multiplications and each broadcast
// three, so the multipliers, not the loads, set the pace. What is broadcast needs no packing: eight rows where they lie
// are eight streams, and are soon in L1 (where they lie across, each word brings a line: there a copy of eight words a
// step takes 17 ms instead of 25 for 1000^3). Columns are packed (a vector that lies across two lines is two loads), but
// in the shadow of the first tile's multiplications: for few rows that copy was a third of the time. Each height and
// width has a loop of its own, so edges cost what they hold. One or a few rows are bound by memory, so there packing
// would only be a second trip (skinny.h).
#include "bytes.h"

using namespace gemm;

constexpr int64_t NEAR_ROWS = 64;  // words from word to word of a row up to which it is read where it is

struct Fma {  // float: the vector type, a word in all lanes, a step, and what sums start from
    typedef float Acc;
    typedef vf V;
    static constexpr int MORE = 0;  // words behind a column panel, per column
    static vf all(const int32_t *p) { return splat(raw<float>(p)); }
    static vf step(vf c, vf a, vf b) { return c + a * b; }
    static vf start(const int32_t *) { return vf{}; }
};

// Rows of floats where they are, unless they are columns in memory and far from word to word: then each word would
// bring a line, of which the places in L1 are soon used up.
inline Panel near_rows(const Lines &s, int64_t line, int count, int64_t depth, int64_t words, int32_t *to) {
    if (s.deep || s.ld <= NEAR_ROWS) return as_it_is(s, line, count, depth, words, to);
    const float *p = (const float *)s.data + depth * s.ld + line;
    for (int64_t w = 0; w < words; w++, p += s.ld) {
        ask(p + FAR * s.ld, 0);
        ask(p, LINE);  // for the next rows
        if (count == TILE_ROWS)  // a number that the compiler knows
            memcpy(to + w * TILE_ROWS, p, TILE_ROWS * sizeof *p);
        else
            memcpy(to + w * TILE_ROWS, p, count * sizeof *p);
    }
    return {to, 1, TILE_ROWS};
}

template <class T>
struct FloatEngine {
    typedef Vector<Fma> Kernel;
    static constexpr bool AS_IT_IS = std::is_same_v<T, float>;
    static constexpr Pack ROWS = AS_IT_IS ? near_rows : pack_along<Widened<T>>;
    static constexpr Pack COLUMNS = pack_across<Widened<T>, Kernel::NR>;
    static constexpr int PER_WORD = 1, FEWEST = 16;
};

MATMUL(v2_blocked, FloatEngine<float>, float, float, f32_f32)
MATMUL(v2_blocked, FloatEngine<bf16>, bf16, bf16, bf16_bf16)
MATMUL(v2_blocked, FloatEngine<f16>, f16, f16, f16_f16)
MATMUL(v2_blocked, FloatEngine<bf16>, bf16, float, bf16_f32)
MATMUL(v2_blocked, FloatEngine<f16>, f16, float, f16_f32)
GROUPED(v2_blocked, FloatEngine<float>, float, f32)
GROUPED(v2_blocked, FloatEngine<bf16>, bf16, bf16)
GROUPED(v2_blocked, FloatEngine<f16>, f16, f16)
INT8(v2_blocked, IntEngine, float, f32)
INT8(v2_blocked, IntEngine, bf16, bf16)
