#include <stdint.h>

void polynomial(const float *restrict x, const float *restrict c, float *restrict y, int64_t n)
{
    const float c0 = c[0], c1 = c[1], c2 = c[2], c3 = c[3], c4 = c[4], c5 = c[5], c6 = c[6], c7 = c[7];
    for (int64_t i = 0; i < n; i++) {
        const float t = x[i];
        y[i] = ((((((c7 * t + c6) * t + c5) * t + c4) * t + c3) * t + c2) * t + c1) * t + c0;
    }
}
