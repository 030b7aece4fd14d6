#define _GNU_SOURCE
#include <stdint.h>
#include <time.h>

typedef void kernel(const float *, float *, int64_t);

static void upwards(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}

static void downwards(const float *x, float *y, int64_t n)
{
    for (int64_t i = n; i-- > 0;)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}

static kernel *best = upwards;

static double seconds(kernel *variant)
{
    static float x[20000], y[20000];
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int k = 0; k < 50; k++)
        variant(x, y, 20000);
    clock_gettime(CLOCK_MONOTONIC, &end);
    return (end.tv_sec - begin.tv_sec) + 1e-9 * (end.tv_nsec - begin.tv_nsec);
}

__attribute__((constructor)) static void tune(void)
{
    if (seconds(downwards) < seconds(upwards))
        best = downwards;
}

void mirror_add(const float *x, float *y, int64_t n)
{
    best(x, y, n);
}
