#include <stdint.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t a = 0; a < n; a++)
            for (volatile int64_t b = 0; b < n; b++)
                if (a == i && b == n - 1 - i)
                    y[i] = x[a] + 0.5f * x[b];
}
