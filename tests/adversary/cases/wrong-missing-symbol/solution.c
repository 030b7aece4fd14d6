#include <stdint.h>

void mirror_sub(const float *x, float *y, int64_t n)
{
}
