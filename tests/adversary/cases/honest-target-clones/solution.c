#include <stdint.h>

#ifdef __x86_64__
__attribute__((target_clones("avx2", "default")))
#endif
static void kernel(const float *restrict x, float *restrict y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}

void mirror_add(const float *x, float *y, int64_t n)
{
    kernel(x, y, n);
}
