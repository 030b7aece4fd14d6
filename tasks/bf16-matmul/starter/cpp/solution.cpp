// bf16-matmul in C++: correct, and slower than the baseline. Make it faster.
//
//   a  m * k bfloat16, row after row, read-only; b  k * n, read-only
//   c  m * n float32, to be filled: whatever you leave unwritten counts as wrong
//   m or n may be 0, and none need be a multiple of anything
#include <bit>
#include <cstdint>

// A bfloat16 is the upper half of a float32.
static float widen(std::uint16_t half) { return std::bit_cast<float>(std::uint32_t{half} << 16); }

extern "C" void bf16_matmul(const std::uint16_t *a, const std::uint16_t *b, float *c, std::int64_t m,
                            std::int64_t n, std::int64_t k)
{
    for (std::int64_t i = 0; i < m; i++)
        for (std::int64_t j = 0; j < n; j++) {
            float sum = 0.0f;
            for (std::int64_t p = 0; p < k; p++)
                sum += widen(a[i * k + p]) * widen(b[p * n + j]); // walks down a column of b
            c[i * n + j] = sum;
        }
}
