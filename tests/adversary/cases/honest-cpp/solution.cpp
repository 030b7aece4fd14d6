#include "fast.hpp"

extern "C" void mirror_add(const float *x, float *y, int64_t n)
{
    fast(x, y, n);
}
