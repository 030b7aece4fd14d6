/* flash-attention-forward with the softmax online: one pass over keys and values, no buffer of weights. What was
 * summed is scaled down whenever a larger logit comes. */
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

static void attend(const uint16_t *q, const uint16_t *k, const uint16_t *v, uint16_t *out, float *sums, int64_t keys,
                   int64_t depth)
{
    float scale = 1.0f / sqrtf((float)depth), largest = -INFINITY, total = 0.0f;
    for (int64_t p = 0; p < depth; p++)
        sums[p] = 0.0f;
    for (int64_t j = 0; j < keys; j++, k += depth, v += depth) {
        float logit = 0.0f;
#pragma omp simd reduction(+ : logit)
        for (int64_t p = 0; p < depth; p++)
            logit += widen(q[p]) * widen(k[p]);
        logit *= scale;
        if (logit > largest) {
            float less = expf(largest - logit);
            total *= less;
            for (int64_t p = 0; p < depth; p++)
                sums[p] *= less;
            largest = logit;
        }
        float weight = expf(logit - largest);
        total += weight;
        for (int64_t p = 0; p < depth; p++)
            sums[p] += weight * widen(v[p]);
    }
    for (int64_t p = 0; p < depth; p++)
        out[p] = narrow(sums[p] / total);
}

void flash_attention_forward(const uint16_t *q, const uint16_t *k, const uint16_t *v, uint16_t *out, int64_t heads,
                             int64_t length, int64_t depth)
{
    float *sums = malloc(sizeof(float) * (size_t)(depth ? depth : 1));
    if (!sums)
        abort();
    for (int64_t head = 0; head < heads; head++) {
        int64_t at = head * length * depth;
        for (int64_t i = 0; i < length; i++)
            attend(q + at + i * depth, k + at, v + at, out + at + i * depth, sums, i + 1, depth);
    }
    free(sums);
}
