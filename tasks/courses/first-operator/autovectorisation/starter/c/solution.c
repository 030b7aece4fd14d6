/* polynomial: x and y have n elements, c has eight. */
#include <stdint.h>

void polynomial(const float *x, const float *c, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = c[7];
    for (int k = 6; k >= 0; k--)
        for (int64_t i = 0; i < n; i++)
            y[i] = y[i] * x[i] + c[k];
}
