/* Known wrong: adds in half the mantissa, as code does that hopes nobody looks closely. */
#include <stdint.h>
#include <string.h>

static float shorten(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= 0xffffe000u; /* the 10 mantissa bits of float16 */
    memcpy(&x, &bits, sizeof x);
    return x;
}

void vector_add(const float *a, const float *b, float *c, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        c[i] = shorten(shorten(a[i]) + shorten(b[i]));
}
