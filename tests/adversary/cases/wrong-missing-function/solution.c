#include <stdint.h>

void fast_mirror(const float *x, float *y, int64_t n);

void mirror_add(const float *x, float *y, int64_t n)
{
    fast_mirror(x, y, n);
}
