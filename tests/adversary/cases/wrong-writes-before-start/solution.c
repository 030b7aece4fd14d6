#include <stdint.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    for (int64_t i = n - 1; i >= -1; i--)
        y[i] = i < 0 ? 0 : x[i] + 0.5f * x[n - 1 - i];
}
