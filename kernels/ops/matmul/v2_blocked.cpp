// Tiles of the result in registers, operands packed into panels, blocks for each cache; int8 through int16 pairs,
// or four at once where the processor can (VNNI).
// Learned: of a tile of 14 rows by two vectors, each vector loaded serves 14 multiplications and each broadcast
// two, so the multipliers, not the loads, set the pace; packing costs k(m+n) copies against k·m·n products and
// makes every load of the inner loop a sequential one; one or a few rows are bound by memory, so there packing
// would only be a second trip (skinny.h).
#include "products.h"

using namespace gemm;

#if defined(__AVX512F__)
constexpr int TILE_ROWS = 14, DEEP = 384;
#elif defined(__AVX2__)
constexpr int TILE_ROWS = 6, DEEP = 256;
#else
constexpr int TILE_ROWS = 4, DEEP = 256;
#endif

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
    static constexpr int MR = TILE_ROWS, NR = 2 * W, KC = DEEP, MC = 24 * MR, NC = 512;
    struct Session {
        Session() {}
    };
    static int64_t a_panel(int64_t words) { return words * W; }
    static int64_t b_panel(int64_t words) { return (words + Math::MORE) * NR; }

    // The last rows of a product may be few: a lower tile then takes less time.
    static void tile(int64_t words, const int32_t *a, const int32_t *b, Acc *c, bool add, int rows) {
        if (MR > 8 && rows <= 8)
            rows <= 4 ? tile_of<4>(words, a, b, c, add) : tile_of<8>(words, a, b, c, add);
        else
            tile_of<MR>(words, a, b, c, add);
    }

    template <int R>
    static void tile_of(int64_t words, const int32_t *a, const int32_t *b, Acc *c, bool add) {
        V s[R][2], first = Math::start(b + words * NR), second = Math::start(b + words * NR + W);
#pragma GCC unroll 16
        for (int i = 0; i < R; i++) {
            s[i][0] = first;
            s[i][1] = second;
        }
        for (int64_t w = 0; w < words; w++, a += W, b += NR) {
            V left = raw<V>(b), right = raw<V>(b + W);
#pragma GCC unroll 16
            for (int i = 0; i < R; i++) {
                V x = Math::all(a + i);
                s[i][0] = Math::step(s[i][0], x, left);
                s[i][1] = Math::step(s[i][1], x, right);
            }
        }
#pragma GCC unroll 16
        for (int i = 0; i < R; i++) {  // blocks are summed apart: a chain of a block's length loses less
            if (add) s[i][0] += raw<V>(c + i * NR), s[i][1] += raw<V>(c + i * NR + W);
            memcpy(c + i * NR, &s[i][0], sizeof(V));
            memcpy(c + i * NR + W, &s[i][1], sizeof(V));
        }
    }
};

template <class T>
struct FloatEngine {
    typedef Vector<Fma> Kernel;
    static constexpr Pack ROWS = pack_rows<Widened<T>, W>, COLUMNS = pack_rows<Widened<T>, Kernel::NR>;
    static constexpr int PER_WORD = 1, FEWEST = 8;
};

#if defined(__AVX512VNNI__)
struct IntEngine {
    typedef Vector<Dot> Kernel;
    // The rows' int8 have 128 added, so each sum starts from -128 times the sum of its column.
    static void columns(const Lines &s, int64_t line, int64_t depth, int64_t words, int32_t *to) {
        pack_rows<Fours<false>, Kernel::NR>(s, line, depth, words, to);
        for (int v = 0; v < Kernel::NR; v += W) {
            vi sum = vi{};
            for (int64_t w = 0; w < words; w++)
                sum = Dot::step(sum, splat_int(int(0x80808080)), raw<vi>(to + w * Kernel::NR + v));
            sum = -sum;
            memcpy(to + words * Kernel::NR + v, &sum, sizeof sum);
        }
    }
    static constexpr Pack ROWS = pack_rows<Fours<true>, W>, COLUMNS = columns;
    static constexpr int PER_WORD = 4;
};
#else
struct IntEngine {
    typedef Vector<Dot> Kernel;
    static constexpr Pack ROWS = pack_rows<Pairs, W>, COLUMNS = pack_rows<Pairs, Kernel::NR>;
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
