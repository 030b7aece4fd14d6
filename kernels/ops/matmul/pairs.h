// Products of bfloat16 by the instruction that adds those of two pairs (AVX-512 BF16).
#pragma once
#include "vectors.h"

namespace gemm {

struct PairsOfHalves {
    typedef float Acc;
    typedef vf V;
    static constexpr int MORE = 0;
    static vf all(const int32_t *p) { return bits<vf>(splat_int(raw<int32_t>(p))); }
    static vf step(vf c, vf a, vf b) { return (vf)_mm512_dpbf16_ps((__m512)c, (__m512bh)a, (__m512bh)b); }
    static vf start(const int32_t *) { return vf{}; }
};

inline Panel rows_of_pairs(const Lines &s, int64_t line, int count, int64_t depth, int64_t words, int32_t *to) {
    if (!s.deep || s.ld % 2 || s.depth % 2) return pack_along<Halves>(s, line, count, depth, words, to);
    return {(const int32_t *)((const bf16 *)s.data + line * s.ld + depth), s.ld / 2, 1};
}

struct PairEngine {
    typedef Vector<PairsOfHalves> Kernel;
    static constexpr bool AS_IT_IS = false;
    static constexpr Pack ROWS = rows_of_pairs, COLUMNS = pack_across<Halves, Kernel::NR>;
    static constexpr int PER_WORD = 2, FEWEST = 4;
};

}  // namespace gemm
