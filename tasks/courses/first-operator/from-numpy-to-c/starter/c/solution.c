/* soft_threshold: x and y have n elements, t points to one number. */
#include <stdint.h>

void soft_threshold(const float *x, const float *t, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] - 0.0f * t[0];
}
