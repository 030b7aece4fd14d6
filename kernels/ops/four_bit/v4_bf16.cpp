// The product for many rows of bfloat16 x by AVX-512 BF16: some weights are decoded to bfloat16, then multiplied with
// all of x as by the matrix product of two bfloat16.
// Learned: a strip of decoded weights goes through the nearer caches into the panels that this product packs anyway,
// which is a tenth of the time the multiplications take (256 x 4096 x 4096 on a Zen 4: 46 ms, 88 by v3_panels).
#include "../matmul/pairs.h"
#include "nibbles.h"

constexpr int64_t STRIP_OF_WEIGHTS = 11 * gemm::PairEngine::Kernel::NR;  // rows decoded at once

KERNEL gemm_4bit_v4_bf16_bf16(const bf16 *x, const uint8_t *packed, const float *values, const float *absmax,
                              const uint8_t *absmax8, const float *nested, const float *nested_map, const bf16 *bias,
                              bf16 *y, int64_t rows, int64_t k, int64_t, int64_t, int64_t, int64_t n,
                              int64_t blocksize, int64_t group, double offset, int threads) {
    typedef gemm::PairEngine Engine;
    const Scales scales{absmax, absmax8, nested, nested_map, group, float(offset)};
    const int64_t strip = gemm::least(n, STRIP_OF_WEIGHTS), parts = threads < 1 ? 1 : threads;
    const Scratch<bf16> weights = scratch<bf16>(parts * strip * k);
    const float *shift;
    if (!weights || !gemm::widened(bias, n, &shift)) return NO_MEMORY;
    std::atomic<int> fault{OK};
    parallel_for(gemm::parts(n, strip), 1, threads, [&](int64_t begin, int64_t end, int64_t worker) {
        bf16 *mine = weights.get() + worker * strip * k;
        Table table(values);
        for (int64_t j = begin * strip; j < n && j < end * strip; j += strip) {
            const int64_t count = gemm::least(strip, n - j);
            decode(packed, values, table, scales, blocksize, j * k, (j + count) * k, mine);
            const gemm::Operand left = {{x, k, rows, k, true}, Engine::ROWS, Engine::PER_WORD, false};
            const gemm::Operand right = {{mine, k, count, k, true}, Engine::COLUMNS, Engine::PER_WORD, false};
            const gemm::Output to = {y + j, n, sizeof(bf16), 1, nullptr, nullptr, shift ? shift + j : nullptr};
            gemm::Multiplication<Engine::Kernel> product(left, right, k, to, gemm::finish<float, bf16>, {0, rows},
                                                         {0, count});
            if (product.run()) fault = NO_MEMORY;
        }
    });
    return fault;
}
