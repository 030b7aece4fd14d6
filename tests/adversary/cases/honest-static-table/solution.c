#include <stdint.h>

static const float half[1 << 18] = {[0 ... (1 << 18) - 1] = 0.5f};

void mirror_add(const float *x, float *y, int64_t n)
{
    const volatile float *table = half;
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + table[i & ((1 << 18) - 1)] * x[n - 1 - i];
}
