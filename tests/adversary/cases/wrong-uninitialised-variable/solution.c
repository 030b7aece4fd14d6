#include <stdint.h>
#include <stdlib.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    float *share = malloc(sizeof *share * 64);
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + share[i % 64] * x[n - 1 - i];
    free(share);
}
