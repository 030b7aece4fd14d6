#include <stdint.h>

void soft_threshold(const float *x, const float *t, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] > t[0] ? x[i] - t[0] : 0.0f;
}
