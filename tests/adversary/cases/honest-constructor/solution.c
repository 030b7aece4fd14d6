#include <stdint.h>
#include <stdlib.h>

static float *half;

__attribute__((constructor)) static void prepare(void)
{
    half = malloc(1024 * sizeof *half);
    for (int i = 0; i < 1024; i++)
        half[i] = 1.0f / (1 << (1 + i / 1024));
}

__attribute__((destructor)) static void tidy(void)
{
    free(half);
}

void mirror_add(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + half[i % 1024] * x[n - 1 - i];
}
