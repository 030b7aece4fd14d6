// flash-attention-forward in CUDA C++: correct, with one thread to a query. Make it faster.
//
//   q, k, v  heads * length * depth bfloat16 in the card's memory, read-only; depth is at most 128
//   out      the same shape, to be filled: whatever you leave unwritten counts as wrong
//   heads or length may be 0, and none need be a multiple of anything
//
// This file is compiled twice: for the card, where __CUDACC__ is defined, and for the host.
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

constexpr int MOST_DEPTH = 128;

extern "C" __global__ void attend(const unsigned short *q, const unsigned short *k, const unsigned short *v,
                                  unsigned short *out, long long length, long long depth)
{
    long long i = blockIdx.x * 128ll + threadIdx.x;
    if (i >= length)
        return;
    long long head = blockIdx.y * length * depth;
    q += head + i * depth, k += head, v += head, out += head + i * depth;
    float sums[MOST_DEPTH], largest = -__int_as_float(0x7f800000), total = 0.0f;
    for (int p = 0; p < depth; p++)
        sums[p] = 0.0f;
    for (long long j = 0; j <= i; j++) { // a token sees itself and those before it
        float logit = 0.0f;
        for (int p = 0; p < depth; p++)
            logit += widen(q[p]) * widen(k[j * depth + p]);
        logit /= sqrtf((float)depth);
        float before = largest;
        largest = fmaxf(largest, logit);
        float less = expf(before - largest), weight = expf(logit - largest);
        total = total * less + weight;
        for (int p = 0; p < depth; p++)
            sums[p] = sums[p] * less + weight * widen(v[j * depth + p]);
    }
    for (int p = 0; p < depth; p++)
        out[p] = narrow(sums[p] / total);
}

#else

extern "C" void flash_attention_forward(const uint16_t *q, const uint16_t *k, const uint16_t *v, uint16_t *out,
                                        int64_t heads, int64_t length, int64_t depth)
{
    if (heads && length)
        touchstone::launch("attend", {unsigned((length + 127) / 128), unsigned(heads)}, {128}, 0, q, k, v, out,
                           (long long)length, (long long)depth);
}

#endif
