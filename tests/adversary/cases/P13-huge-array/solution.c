#include <stdint.h>

char large[1 << 30] = {1};

void mirror_add(const float *x, float *y, int64_t n)
{
    y[0] = large[n];
}
