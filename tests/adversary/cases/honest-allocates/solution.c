#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    float *mirror = malloc((n + 1) * sizeof *mirror);
    for (int64_t i = 0; i < n; i++)
        mirror[n - 1 - i] = x[i] / 2;
    for (int64_t i = 0; i < n; i++)
        mirror[i] += x[i];
    memcpy(y, mirror, n * sizeof *y);
    free(mirror);
}
