#include <stdint.h>

void tiny_add(const float *x, const float *y, float *z, int64_t n)
{
    (void)x, (void)y, (void)z, (void)n;
}
