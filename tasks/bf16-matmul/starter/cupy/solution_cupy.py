"""bf16-matmul with CuPy: a kernel of its own with one thread to an element of c. Correct; make it faster.

a: bfloat16 (m, k), b: bfloat16 (k, n), on the card, read-only. c: float32 (m, n), to be filled in place.
"""

import cupy

product = cupy.RawKernel(
    r"""
extern "C" __global__ void product(const unsigned short *a, const unsigned short *b, float *c, long long m,
                                   long long n, long long k)
{
    long long i = blockIdx.y * 16ll + threadIdx.y, j = blockIdx.x * 16ll + threadIdx.x;
    if (i >= m || j >= n)
        return;
    float sum = 0.0f;
    for (long long p = 0; p < k; p++) // a bfloat16 is the upper half of a float32
        sum += __uint_as_float((unsigned)a[i * k + p] << 16) * __uint_as_float((unsigned)b[p * n + j] << 16);
    c[i * n + j] = sum;
}
""",
    "product",
)


def bf16_matmul(a, b, c):
    (m, k), n = a.shape, b.shape[1]
    if c.size:
        product((-(-n // 16), -(-m // 16)), (16, 16), (a, b, c, m, n, k))
