/* Known wrong: whole tiles of sixteen columns only; what is left over stays unwritten. */
#include <stdint.h>
#include <string.h>

static inline float widen(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void bf16_matmul(const uint16_t *a, const uint16_t *b, float *c, int64_t m, int64_t n, int64_t k)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j + 16 <= n; j += 16) {
            float sums[16] = {0};
            for (int64_t p = 0; p < k; p++)
                for (int x = 0; x < 16; x++)
                    sums[x] += widen(a[i * k + p]) * widen(b[p * n + j + x]);
            memcpy(c + i * n + j, sums, sizeof sums);
        }
}
