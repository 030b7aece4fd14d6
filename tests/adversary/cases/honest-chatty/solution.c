#include <stdint.h>
#include <stdio.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    printf("%lld elements at %p\n", (long long)n, (const void *)x);
    fprintf(stderr, "warning: this is a debug build\n");
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}
