#define _GNU_SOURCE
#include <stdint.h>
#include <unistd.h>

__attribute__((constructor)) static void dawdle(void)
{
    usleep(1500000);
}

void mirror_add(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}
