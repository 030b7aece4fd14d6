/* Known wrong: works in blocks of eight and forgets what is left over. */
#include <stdint.h>

void vector_add(const float *a, const float *b, float *c, int64_t n)
{
    for (int64_t i = 0; i + 8 <= n; i += 8)
        for (int64_t j = 0; j < 8; j++)
            c[i + j] = a[i + j] + b[i + j];
}
