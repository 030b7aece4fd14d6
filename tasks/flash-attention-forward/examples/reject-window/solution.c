/* Known wrong, a cheat: looks at the last 64 tokens only, which is much less work and often nearly right. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A bfloat16 is the upper half of a float32. */
static inline float widen(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* To the nearest, ties to even. */
static inline uint16_t narrow(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* One query against the keys that it sees. */
static void attend(const uint16_t *q, const uint16_t *k, const uint16_t *v, uint16_t *out, float *weights,
                   float *sums, int64_t first, int64_t keys, int64_t depth)
{
    float scale = 1.0f / sqrtf((float)depth), total = 0.0f;
    float largest = -INFINITY;
    (void)scale;
    for (int64_t j = first; j < keys; j++) {
        float sum = 0.0f;
        for (int64_t p = 0; p < depth; p++)
            sum += widen(q[p]) * widen(k[j * depth + p]);
        weights[j] = sum * scale;
        largest = fmaxf(largest, weights[j]);
    }
    for (int64_t p = 0; p < depth; p++)
        sums[p] = 0.0f;
    for (int64_t j = first; j < keys; j++) {
        float weight = expf(weights[j] - largest);
        total += weight;
        for (int64_t p = 0; p < depth; p++)
            sums[p] += weight * widen(v[j * depth + p]);
    }
    for (int64_t p = 0; p < depth; p++)
        out[p] = narrow(sums[p] / total);
}

void flash_attention_forward(const uint16_t *q, const uint16_t *k, const uint16_t *v, uint16_t *out,
                             int64_t heads, int64_t length, int64_t depth)
{
    float *weights = malloc(sizeof(float) * (size_t)(length + depth));
    if (!weights)
        abort();
    for (int64_t head = 0; head < heads; head++) {
        int64_t at = head * length * depth;
        for (int64_t i = 0; i < length; i++)
            attend(q + at + i * depth, k + at, v + at, out + at + i * depth, weights, weights + length, i < 64 ? 0 : i - 63, i + 1,
                   depth);
    }
    free(weights);
}
