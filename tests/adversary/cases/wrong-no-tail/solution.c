#include <stdint.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i + 8 <= n; i += 8)
        for (int64_t k = i; k < i + 8; k++)
            y[k] = x[k] + 0.5f * x[n - 1 - k];
}
