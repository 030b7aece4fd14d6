// bfloat16 as it is: one instruction multiplies pairs and adds both products to a float (AVX-512 BF16).
// Learned: twice the products of an instruction on floats, and nothing is widened (1024^3 on a Zen 4: 10.1 ms, 20.4 by
// v2_blocked). Rows that lie deep are pairs already, so they are read where they are; only columns are packed. Each
// product is added with a rounding of its own, as a float's would be, but subnormals count as 0, as in the tiles. It is
// for processors without tiles: on a Xeon that has them it does half as much in a second as the one on floats.
#include "vectors.h"

using namespace gemm;

struct PairsOfHalves {
    typedef float Acc;
    typedef vf V;
    static constexpr int MORE = 0;
    static vf all(const int32_t *p) { return bits<vf>(splat_int(raw<int32_t>(p))); }
    static vf step(vf c, vf a, vf b) { return (vf)_mm512_dpbf16_ps((__m512)c, (__m512bh)a, (__m512bh)b); }
    static vf start(const int32_t *) { return vf{}; }
};

static Panel rows(const Lines &s, int64_t line, int count, int64_t depth, int64_t words, int32_t *to) {
    if (!s.deep || s.ld % 2 || s.depth % 2) return pack_along<Halves>(s, line, count, depth, words, to);
    return {(const int32_t *)((const bf16 *)s.data + line * s.ld + depth), s.ld / 2, 1};
}

struct Engine {
    typedef Vector<PairsOfHalves> Kernel;
    static constexpr bool AS_IT_IS = false;
    static constexpr Pack ROWS = rows, COLUMNS = pack_across<Halves, Kernel::NR>;
    static constexpr int PER_WORD = 2, FEWEST = 4;
};

MATMUL(v3_bf16, Engine, bf16, bf16, bf16_bf16)
MATMUL(v3_bf16, Engine, bf16, float, bf16_f32)
GROUPED(v3_bf16, Engine, bf16, bf16)
