#include <stdint.h>
#include <string.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    memcpy(y, x, n * sizeof *y);
    for (int64_t i = 0; i < n; i++)
        y[i] += 0.5f * y[n - 1 - i];
}
