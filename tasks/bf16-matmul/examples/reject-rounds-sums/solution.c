/* Known wrong: keeps its sums in bfloat16, as if the format of the inputs were good enough for them. */
#include <stdint.h>
#include <string.h>

static inline float widen(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint16_t narrow(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

void bf16_matmul(const uint16_t *a, const uint16_t *b, float *c, int64_t m, int64_t n, int64_t k)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            uint16_t sum = 0;
            for (int64_t p = 0; p < k; p++)
                sum = narrow(widen(sum) + widen(a[i * k + p]) * widen(b[p * n + j]));
            c[i * n + j] = widen(sum);
        }
}
