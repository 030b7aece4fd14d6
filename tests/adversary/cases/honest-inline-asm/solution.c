#include <stdint.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float sum = x[n - 1 - i];
#ifdef __x86_64__
        __asm__("mulss %1, %0\n\taddss %2, %0" : "+x"(sum) : "x"(0.5f), "x"(x[i]));
#else
        sum = x[i] + 0.5f * sum;
#endif
        y[i] = sum;
    }
}
