#include <stdint.h>

void mirror_add(int64_t n, const float *x, float *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}
