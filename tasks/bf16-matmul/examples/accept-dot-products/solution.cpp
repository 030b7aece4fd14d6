// bf16-matmul by dot products: b is transposed once, so that both factors are read along their rows.
#include <bit>
#include <cstdint>
#include <vector>

static float widen(std::uint16_t half) { return std::bit_cast<float>(std::uint32_t{half} << 16); }

extern "C" void bf16_matmul(const std::uint16_t *a, const std::uint16_t *b, float *c, std::int64_t m,
                            std::int64_t n, std::int64_t k)
{
    std::vector<std::uint16_t> turned(n * k);
    for (std::int64_t p = 0; p < k; p++)
        for (std::int64_t j = 0; j < n; j++)
            turned[j * k + p] = b[p * n + j];
    for (std::int64_t i = 0; i < m; i++)
        for (std::int64_t j = 0; j < n; j++) {
            const std::uint16_t *row = a + i * k, *column = turned.data() + j * k;
            float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
            for (std::int64_t p = 0; p < k; p++)
                sum += widen(row[p]) * widen(column[p]);
            c[i * n + j] = sum;
        }
}
