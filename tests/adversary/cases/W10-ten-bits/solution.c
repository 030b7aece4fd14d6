#include <stdint.h>
#include <string.h>

static float shorter(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, 4);
    bits = (bits + 0x1000) & 0xffffe000;
    memcpy(&value, &bits, 4);
    return value;
}

void mirror_add(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = shorter(x[i]) + 0.5f * shorter(x[n - 1 - i]);
}
