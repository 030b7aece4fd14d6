#include <stdint.h>
#include <string.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    memcpy(y, x, n * sizeof *y);
}
