#include <stdint.h>
#include <string.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    memset(y, 0, n * sizeof *y);
}
