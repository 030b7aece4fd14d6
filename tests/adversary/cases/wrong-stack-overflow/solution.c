#include <stdint.h>

static float sum(const float *x, int64_t i, int64_t n)
{
    volatile char frame[4096];
    frame[i % 4096] = 1;
    return sum(x, i + 1, n) + frame[0] + x[0];
}

void mirror_add(const float *x, float *y, int64_t n)
{
    y[0] = sum(x, 0, n);
}
