#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>

static sigjmp_buf back;

static void jump(int number)
{
    siglongjmp(back, number);
}

void mirror_add(const float *x, float *y, int64_t n)
{
    signal(SIGUSR1, jump);
    if (!sigsetjmp(back, 1))
        raise(SIGUSR1);
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}
