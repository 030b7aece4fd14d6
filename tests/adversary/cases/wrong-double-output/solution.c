#include <stdint.h>

void mirror_add(const float *x, float *raw, int64_t n)
{
    double *y = (double *)raw;
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 0.5 * x[n - 1 - i];
}
