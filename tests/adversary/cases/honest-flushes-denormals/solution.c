#include <stdint.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

void mirror_add(const float *x, float *y, int64_t n)
{
#ifdef __SSE__
    _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}
