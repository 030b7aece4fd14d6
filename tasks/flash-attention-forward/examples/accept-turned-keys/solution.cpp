// flash-attention-forward, faster: keys and values are widened once per head, the keys transposed, so that logits,
// exponentials and sums all run over neighbouring numbers. One thread, no intrinsics.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "vector_exp.h"

// A bfloat16 is the upper half of a float32.
static float widen(std::uint16_t half) { return std::bit_cast<float>(std::uint32_t{half} << 16); }

// To the nearest, ties to even.
static std::uint16_t narrow(float value)
{
    auto bits = std::bit_cast<std::uint32_t>(value);
    return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static void attend(const std::uint16_t *q, const float *turned, const float *values, float *weights, float *sums,
                   std::uint16_t *out, std::int64_t i, std::int64_t length, std::int64_t depth)
{
    const std::int64_t keys = i + 1;
    const float scale = 1.0f / std::sqrt(static_cast<float>(depth));
    std::fill(weights, weights + keys, 0.0f);
    for (std::int64_t p = 0; p < depth; p++) {
        const float factor = widen(q[p]) * scale;
        const float *row = turned + p * length;
#pragma omp simd
        for (std::int64_t j = 0; j < keys; j++)
            weights[j] += factor * row[j];
    }
    float largest = weights[0], total = 0.0f;
#pragma omp simd reduction(max : largest)
    for (std::int64_t j = 0; j < keys; j++)
        largest = weights[j] > largest ? weights[j] : largest;
#pragma omp simd reduction(+ : total)
    for (std::int64_t j = 0; j < keys; j++)
        total += weights[j] = vector_exp(weights[j] - largest);
    std::fill(sums, sums + depth, 0.0f);
    for (std::int64_t j = 0; j < keys; j++) {
        const float weight = weights[j];
        const float *row = values + j * depth;
#pragma omp simd
        for (std::int64_t p = 0; p < depth; p++)
            sums[p] += weight * row[p];
    }
    for (std::int64_t p = 0; p < depth; p++)
        out[p] = narrow(sums[p] / total);
}

extern "C" void flash_attention_forward(const std::uint16_t *q, const std::uint16_t *k, const std::uint16_t *v,
                                        std::uint16_t *out, std::int64_t heads, std::int64_t length,
                                        std::int64_t depth)
{
    std::vector<float> turned(length * depth), values(length * depth), weights(length), sums(depth);
    for (std::int64_t head = 0; head < heads; head++) {
        const std::int64_t at = head * length * depth;
        for (std::int64_t j = 0; j < length; j++)
            for (std::int64_t p = 0; p < depth; p++) {
                turned[p * length + j] = widen(k[at + j * depth + p]);
                values[j * depth + p] = widen(v[at + j * depth + p]);
            }
        for (std::int64_t i = 0; i < length; i++)
            attend(q + at + i * depth, turned.data(), values.data(), weights.data(), sums.data(), out + at + i * depth,
                   i, length, depth);
    }
}
