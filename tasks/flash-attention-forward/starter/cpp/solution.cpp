// flash-attention-forward in C++: correct, and as slow as the baseline. Make it faster.
//
//   q, k, v  heads * length * depth bfloat16 each, read-only
//   out      the same shape, to be filled: whatever you leave unwritten counts as wrong
//   heads or length may be 0, and none need be a multiple of anything
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

// A bfloat16 is the upper half of a float32.
static float widen(std::uint16_t half) { return std::bit_cast<float>(std::uint32_t{half} << 16); }

// To the nearest, ties to even.
static std::uint16_t narrow(float value)
{
    auto bits = std::bit_cast<std::uint32_t>(value);
    return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

extern "C" void flash_attention_forward(const std::uint16_t *q, const std::uint16_t *k, const std::uint16_t *v,
                                        std::uint16_t *out, std::int64_t heads, std::int64_t length,
                                        std::int64_t depth)
{
    const float scale = 1.0f / std::sqrt(static_cast<float>(depth));
    std::vector<float> weights(length), sums(depth);
    for (std::int64_t head = 0; head < heads; head++, q += length * depth, k += length * depth,
                      v += length * depth, out += length * depth)
        for (std::int64_t i = 0; i < length; i++) {
            float largest = -std::numeric_limits<float>::infinity(), total = 0.0f;
            for (std::int64_t j = 0; j <= i; j++) { // a token sees itself and those before it
                float sum = 0.0f;
                for (std::int64_t p = 0; p < depth; p++)
                    sum += widen(q[i * depth + p]) * widen(k[j * depth + p]);
                weights[j] = sum * scale;
                largest = std::max(largest, weights[j]);
            }
            std::fill(sums.begin(), sums.end(), 0.0f);
            for (std::int64_t j = 0; j <= i; j++) {
                const float weight = std::exp(weights[j] - largest);
                total += weight;
                for (std::int64_t p = 0; p < depth; p++)
                    sums[p] += weight * widen(v[j * depth + p]);
            }
            for (std::int64_t p = 0; p < depth; p++)
                out[i * depth + p] = narrow(sums[p] / total);
        }
}
