// bf16-matmul in CUDA C++: correct, with one thread to an element of c. Make it faster.
//
//   a  m * k bfloat16 in the card's memory, row after row, read-only; b  k * n, read-only
//   c  m * n float32, to be filled: whatever you leave unwritten counts as wrong
//   m or n may be 0, and none need be a multiple of anything
//
// This file is compiled twice: for the card, where __CUDACC__ is defined, and for the host.
#include <touchstone.h>

#ifdef __CUDACC__

// A bfloat16 is the upper half of a float32.
__device__ float widen(unsigned short half) { return __uint_as_float((unsigned)half << 16); }

extern "C" __global__ void product(const unsigned short *a, const unsigned short *b, float *c, long long m, long long n,
                                   long long k)
{
    long long i = blockIdx.y * 16ll + threadIdx.y, j = blockIdx.x * 16ll + threadIdx.x;
    if (i >= m || j >= n)
        return;
    float sum = 0.0f;
    for (long long p = 0; p < k; p++)
        sum += widen(a[i * k + p]) * widen(b[p * n + j]); // each element is fetched anew for every use
    c[i * n + j] = sum;
}

#else

extern "C" void bf16_matmul(const uint16_t *a, const uint16_t *b, float *c, int64_t m, int64_t n, int64_t k)
{
    if (m && n)
        touchstone::launch("product", {unsigned((n + 15) / 16), unsigned((m + 15) / 16)}, {16, 16}, 0, a, b, c,
                           (long long)m, (long long)n, (long long)k);
}

#endif
