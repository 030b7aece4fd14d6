#include <stdint.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    float *input = (float *)x;
    for (int64_t i = 0; i < n; i++)
        input[i] = y[i] = 0;
}
