#include <math.h>
#include <stdint.h>

void soft_threshold(const float *x, const float *t, float *y, int64_t n)
{
    const float limit = t[0];
    for (int64_t i = 0; i < n; i++)
        y[i] = copysignf(fmaxf(fabsf(x[i]) - limit, 0.0f), x[i]);
}
