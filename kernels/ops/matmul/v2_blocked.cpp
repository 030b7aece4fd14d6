// Tiles of the result in registers, operands packed into panels, blocks for each cache; int8 through int16 pairs,
// or four at once where the processor can (VNNI).
// Learned: of a tile of 8 rows by three vectors, each vector loaded serves 8 multiplications and each broadcast
// three, so the multipliers, not the loads, set the pace. What is broadcast needs no packing: eight rows where they lie
// are eight streams, and are soon in L1 (where they lie across, each word brings a line: there a copy of eight words a
// step takes 17 ms instead of 25 for 1000^3). Columns are packed (a vector that lies across two lines is two loads), but
// in the shadow of the first tile's multiplications: for few rows that copy was a third of the time. Each height and
// width has a loop of its own, so edges cost what they hold. One or a few rows are bound by memory, so there packing
// would only be a second trip (skinny.h).
#include "products.h"

using namespace gemm;

#if defined(__AVX512F__)
constexpr int TILE_ROWS = 8, TILE_VECTORS = 3, DEEP = 512, STRIP = 528;
#elif defined(__AVX2__)
constexpr int TILE_ROWS = 6, TILE_VECTORS = 2, DEEP = 256, STRIP = 256;
#else
constexpr int TILE_ROWS = 4, TILE_VECTORS = 2, DEEP = 256, STRIP = 256;
#endif

constexpr int64_t FAR = 24;        // rows of an operand asked for before they are needed
constexpr int64_t NEAR_ROWS = 64;  // words from word to word of a row up to which it is read where it is

struct Fma {  // float: the vector type, a word in all lanes, a step, and what sums start from
    typedef float Acc;
    typedef vf V;
    static constexpr int MORE = 0;  // words behind a column panel, per column
    static vf all(const int32_t *p) { return splat(raw<float>(p)); }
    static vf step(vf c, vf a, vf b) { return c + a * b; }
    static vf start(const int32_t *) { return vf{}; }
};

struct Dot {  // int32 from words of int16 or int8
    typedef int32_t Acc;
    typedef vi V;
    static vi all(const int32_t *p) { return splat_int(*p); }
#if defined(__AVX512VNNI__)
    static constexpr int MORE = 1;
    static vi step(vi c, vi a, vi b) { return (vi)_mm512_dpbusd_epi32((__m512i)c, (__m512i)a, (__m512i)b); }
    static vi start(const int32_t *more) { return raw<vi>(more); }
#else
    static constexpr int MORE = 0;
    static vi start(const int32_t *) { return vi{}; }
#if defined(__AVX512BW__)
    static vi step(vi c, vi a, vi b) { return c + (vi)_mm512_madd_epi16((__m512i)a, (__m512i)b); }
#elif defined(__AVX2__)
    static vi step(vi c, vi a, vi b) { return c + (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b); }
#else
    static vi step(vi c, vi a, vi b) { return c + (vi)_mm_madd_epi16((__m128i)a, (__m128i)b); }
#endif
#endif
};

template <class Math>
struct Vector {
    typedef typename Math::Acc Acc;
    typedef typename Math::V V;
    static constexpr int MR = TILE_ROWS, NV = TILE_VECTORS, NR = NV * W, KC = DEEP, MC = 30 * MR, NC = STRIP;
    static constexpr int MORE = Math::MORE;
    static constexpr bool WHOLE = false, IN_ROWS = std::is_same_v<Acc, float>;
    struct Session {
        Session() {}
    };

    // Every height and width has a loop of its own: what is not there takes no time.
    static void tile(int rows, int columns, int64_t words, Panel a, Panel b, Acc *c, int64_t ld, bool add) {
        static constexpr auto all = tiles(std::make_integer_sequence<int, MR * NV>());
        all.of[(rows - 1) * NV + (columns - 1) / W](words, a, b, c, ld, add, nullptr);
    }

    // The same for MR rows, with columns where they are in memory, which are packed on the way.
    static void tile_and_pack(int columns, int64_t words, Panel a, Panel b, Acc *c, int64_t ld, bool add, int32_t *to) {
        if (columns == NR) return tile_of<MR, NV, true>(words, a, b, c, ld, add, to);
        if constexpr (NV > 2)
            if (columns == 2 * W) return tile_of<MR, 2, true>(words, a, b, c, ld, add, to);
        tile_of<MR, 1, true>(words, a, b, c, ld, add, to);
    }

    typedef void (*Tile)(int64_t words, Panel a, Panel b, Acc *c, int64_t ld, bool add, int32_t *);
    struct Tiles {
        Tile of[MR * NV];
    };
    template <int... I>
    static constexpr Tiles tiles(std::integer_sequence<int, I...>) {
        return {{tile_of<I / NV + 1, I % NV + 1, false>...}};
    }

    template <int R, int N, bool PACK>
    static void tile_of(int64_t words, Panel a, Panel b, Acc *c, int64_t ld, bool add, int32_t *to) {
        V s[R][N];
        const int32_t *x = a.data, *y = b.data;
        const int64_t line = a.line, step = a.step, next = b.step;
#pragma GCC unroll 8
        for (int i = 0; i < R; i++)
#pragma GCC unroll 4
            for (int v = 0; v < N; v++) {
                s[i][v] = Math::start(y + words * next + v * W);
                __builtin_prefetch(c + i * ld + v * W, 1);
            }
        for (int64_t w = 0; w < words; w++, x += step, y += next) {
            V columns[N];
#pragma GCC unroll 4
            for (int v = 0; v < N; v++) {
                columns[v] = raw<V>(y + v * W);
                if (PACK) {
                    ask(y + FAR * next + v * W, 0);
                    memcpy(to + w * NR + v * W, &columns[v], sizeof(V));
                }
            }
#pragma GCC unroll 8
            for (int i = 0; i < R; i++) {
                const V row = Math::all(x + i * line);
#pragma GCC unroll 4
                for (int v = 0; v < N; v++) s[i][v] = Math::step(s[i][v], row, columns[v]);
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < R; i++)
#pragma GCC unroll 4
            for (int v = 0; v < N; v++) {  // blocks are summed apart: a chain of a block's length loses less
                Acc *to = c + i * ld + v * W;
                if (add) s[i][v] += raw<V>(to);
                memcpy(to, &s[i][v], sizeof(V));
            }
    }
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

#if defined(__AVX512VNNI__)
struct IntEngine {
    typedef Vector<Dot> Kernel;
    // The rows' int8 have 128 added, so each sum starts from -128 times the sum of its column.
    static Panel columns(const Lines &s, int64_t line, int lanes, int64_t depth, int64_t words, int32_t *to) {
        for (int v = 0; v < lanes; v += W) {
            pack_across<Fours<false>, Kernel::NR>(s, line + v, W, depth, words, to + v);
            vi sum = vi{};
            for (int64_t w = 0; w < words; w++)
                sum = Dot::step(sum, splat_int(int(0x80808080)), raw<vi>(to + w * Kernel::NR + v));
            sum = -sum;
            memcpy(to + words * Kernel::NR + v, &sum, sizeof sum);
        }
        return {to, 1, Kernel::NR};
    }
    static constexpr Pack ROWS = pack_along<Fours<true>>, COLUMNS = columns;
    static constexpr int PER_WORD = 4;
};
#else
struct IntEngine {
    typedef Vector<Dot> Kernel;
    static constexpr Pack ROWS = pack_along<Pairs>, COLUMNS = pack_across<Pairs, Kernel::NR>;
    static constexpr int PER_WORD = 2;
};
#endif

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
