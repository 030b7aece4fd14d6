/* exp(x) for x <= 0 without branches, calls or tables, so that a loop around it becomes vector code.
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2, exp(x) = 2^n exp(r). Adding 1.5 * 2^23 rounds x / ln 2 to an integer in
 * the low bits of the sum; the same bits, shifted into the exponent field, are the factor 2^n.
 * Relative error below 2e-7.
 */
#include <stdint.h>
#include <string.h>

#define ROUNDER 12582912.0f /* 1.5 * 2^23 */

static inline float vector_exp(float x)
{
    x = x < -87.0f ? -87.0f : x; /* smaller answers are below 1e-37: leave the denormals alone */

    float shifted = __builtin_fmaf(x, 1.44269504f, ROUNDER);
    float n = shifted - ROUNDER;
    float r = __builtin_fmaf(n, -0.693145752f, x); /* ln 2 in two parts */
    r = __builtin_fmaf(n, -1.42860677e-6f, r);

    float p = 1.0f / 720.0f;
    p = __builtin_fmaf(p, r, 1.0f / 120.0f);
    p = __builtin_fmaf(p, r, 1.0f / 24.0f);
    p = __builtin_fmaf(p, r, 1.0f / 6.0f);
    p = __builtin_fmaf(p, r, 0.5f);
    p = __builtin_fmaf(p, r, 1.0f);
    p = __builtin_fmaf(p, r, 1.0f);

    uint32_t bits, result;
    memcpy(&bits, &shifted, sizeof bits);
    bits <<= 23;
    memcpy(&result, &p, sizeof result);
    result += bits; /* multiplies by 2^n */
    memcpy(&p, &result, sizeof p);
    return p;
}
