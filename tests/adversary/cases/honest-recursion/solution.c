#include <stdint.h>

static void part(const float *x, float *y, int64_t from, int64_t to, int64_t n)
{
    if (to - from < 16) {
        for (int64_t i = from; i < to; i++)
            y[i] = x[i] + 0.5f * x[n - 1 - i];
        return;
    }
    part(x, y, from, (from + to) / 2, n);
    part(x, y, (from + to) / 2, to, n);
}

void mirror_add(const float *x, float *y, int64_t n)
{
    part(x, y, 0, n, n);
}
