// bfloat16 as it is: one instruction multiplies pairs and adds both products to a float (AVX-512 BF16).
// Learned: twice the products of an instruction on floats, and nothing is widened (1024^3 on a Zen 4: 10.1 ms, 20.4 by
// v2_blocked). Rows that lie deep are pairs already, so they are read where they are; only columns are packed. Each
// product is added with a rounding of its own, as a float's would be, but subnormals count as 0, as in the tiles. It is
// for processors without tiles: on a Xeon that has them it does half as much in a second as the one on floats.
#include "pairs.h"

using namespace simd;

MATMUL(v3_bf16, gemm::PairEngine, bf16, bf16, bf16_bf16)
MATMUL(v3_bf16, gemm::PairEngine, bf16, float, bf16_f32)
GROUPED(v3_bf16, gemm::PairEngine, bf16, bf16)
