#include <stdint.h>

void mirror_add(const float *x, float *y, int64_t n)
{
}
