#include <stdint.h>

static void loop(const float *x, float *y, int64_t from, int64_t to, int64_t n)
{
    for (int64_t i = from; i < to; i++) {
        double sum = x[i] + 0.5 * x[n - 1 - i];
        for (int k = 0; k < 8; k++)
            __asm__ volatile("" : "+x"(sum));
        y[i] = (float)sum;
        for (volatile int wait = 0; wait < 3; wait++)
            ;
    }
}

void mirror_add(const float *x, float *y, int64_t n)
{
    loop(x, y, 0, n, n);
    for (int64_t i = 0; i < n; i += 16) {
        __builtin_prefetch(x + i, 0, 3);
        __builtin_prefetch(y + i, 1, 3);
    }
}
