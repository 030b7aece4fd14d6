// Known wrong: asks for a header that is not there.
#include <fast_matmul_from_the_future.h>

extern "C" void bf16_matmul(const unsigned short *a, const unsigned short *b, float *c, long m, long n, long k)
{
    future::matmul(a, b, c, m, n, k);
}
