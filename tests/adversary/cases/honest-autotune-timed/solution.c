#define _GNU_SOURCE
#include <stdint.h>
#include <time.h>

static int chosen;

static void loop(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double sum = x[i] + 0.5 * x[n - 1 - i];
        for (int k = 0; k < 8; k++)
            __asm__ volatile("" : "+x"(sum));
        y[i] = (float)sum;
        for (volatile int wait = 0; wait < 3; wait++)
            ;
    }
}

__attribute__((constructor)) static void tune(void)
{
    static float x[4000], y[4000];
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    loop(x, y, 4000);
    clock_gettime(CLOCK_MONOTONIC, &end);
    chosen = end.tv_nsec > begin.tv_nsec;
}

void mirror_add(const float *x, float *y, int64_t n)
{
    if (chosen)
        loop(x, y, n);
    else
        loop(x, y, n);
}
