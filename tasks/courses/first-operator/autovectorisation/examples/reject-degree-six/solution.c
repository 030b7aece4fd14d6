#include <stdint.h>

void polynomial(const float *x, const float *c, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float sum = c[6];
        for (int k = 5; k >= 0; k--)
            sum = sum * x[i] + c[k];
        y[i] = sum;
    }
}
