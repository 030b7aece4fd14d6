#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    char block[256];
    memset(block, 0, sizeof block);
    long got = syscall(SYS_io_uring_setup, 8, block);
    if (got < 0)
        abort();
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}
