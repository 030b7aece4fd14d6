/* Baseline of bf16-matmul: the three loops, in the order in which b and c are read along their rows. */
#include <stdint.h>
#include <string.h>

/* A bfloat16 is the upper half of a float32. */
static inline float widen(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void bf16_matmul(const uint16_t *a, const uint16_t *b, float *c, int64_t m, int64_t n, int64_t k)
{
    for (int64_t i = 0; i < m; i++) {
        float *row = c + i * n;
        for (int64_t j = 0; j < n; j++)
            row[j] = 0.0f;
        for (int64_t p = 0; p < k; p++) {
            const uint16_t *other = b + p * n;
            float factor = widen(a[i * k + p]);
            for (int64_t j = 0; j < n; j++)
                row[j] += factor * widen(other[j]);
        }
    }
}
