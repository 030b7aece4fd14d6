#include <stdint.h>
#include <string.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    memset(y, 0xff, n * sizeof *y);
    for (int64_t i = 0; i < n; i++)
        y[n - 1 - i] = 0.5f * x[i];
    for (int64_t i = 0; i < n; i++)
        y[i] += x[i];
}
