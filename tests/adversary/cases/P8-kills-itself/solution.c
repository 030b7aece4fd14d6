#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    raise(SIGKILL);
}
