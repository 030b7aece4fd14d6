#include <alloca.h>
#include <stdint.h>
#include <string.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    for (int64_t from = 0; from < n; from += 512) {
        int64_t count = n - from < 512 ? n - from : 512;
        float *mirror = alloca(count * sizeof *mirror);
        for (int64_t i = 0; i < count; i++)
            mirror[i] = x[n - 1 - from - i];
        memcpy(y + from, x + from, count * sizeof *y);
        for (int64_t i = 0; i < count; i++)
            y[from + i] += mirror[i] / 2;
    }
}
