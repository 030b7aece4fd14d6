#include <stdint.h>
#include <stdlib.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    volatile char *block = malloc(24 << 20);
    for (int k = 0; k < 24 << 20; k += 4096)
        block[k] = 1;
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}
