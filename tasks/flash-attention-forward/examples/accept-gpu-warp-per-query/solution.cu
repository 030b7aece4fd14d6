// flash-attention-forward on a card: a warp to a query, the softmax online, nothing but the result written.
#include <touchstone.h>

#ifdef __CUDACC__

// A bfloat16 is the upper half of a float32.
__device__ float widen(unsigned short half) { return __uint_as_float((unsigned)half << 16); }

// To the nearest, ties to even.
__device__ unsigned short narrow(float value)
{
    unsigned bits = __float_as_uint(value);
    return (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// A warp to a query, 4 warps to a block: each lane keeps every 32nd of its numbers.
extern "C" __global__ void attend(const unsigned short *q, const unsigned short *k, const unsigned short *v,
                                  unsigned short *out, long long length, long long depth)
{
    constexpr int PARTS = 4; // of 32: depth is at most 128
    const int lane = threadIdx.x;
    const long long i = blockIdx.x * 4ll + threadIdx.y, head = blockIdx.y * length * depth;
    if (i >= length)
        return;
    q += head + i * depth, k += head, v += head, out += head + i * depth;
    const float scale = rsqrtf((float)depth);
    float own[PARTS], sums[PARTS] = {}, largest = -__int_as_float(0x7f800000), total = 0.0f;
    for (int e = 0; e < PARTS; e++)
        own[e] = e * 32 + lane < depth ? widen(q[e * 32 + lane]) * scale : 0.0f;
    for (long long j = 0; j <= i; j++) {
        float logit = 0.0f;
        for (int e = 0; e < PARTS; e++)
            if (e * 32 + lane < depth)
                logit += own[e] * widen(k[j * depth + e * 32 + lane]);
        for (int step = 16; step; step /= 2)
            logit += __shfl_xor_sync(0xffffffff, logit, step);
        const float before = largest;
        largest = fmaxf(largest, logit);
        const float less = expf(before - largest), weight = expf(logit - largest);
        total = total * less + weight;
        for (int e = 0; e < PARTS; e++)
            if (e * 32 + lane < depth)
                sums[e] = sums[e] * less + weight * widen(v[j * depth + e * 32 + lane]);
    }
    for (int e = 0; e < PARTS; e++)
        if (e * 32 + lane < depth)
            out[e * 32 + lane] = narrow(sums[e] / total);
}

#else

extern "C" void flash_attention_forward(const uint16_t *q, const uint16_t *k, const uint16_t *v, uint16_t *out,
                                        int64_t heads, int64_t length, int64_t depth)
{
    if (heads && length)
        touchstone::launch("attend", {unsigned((length + 3) / 4), unsigned(heads)}, {32, 4}, 0, q, k, v, out,
                           (long long)length, (long long)depth);
}

#endif
