#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    static float (*fused)(float, float, float);
    if (!fused)
        fused = (float (*)(float, float, float))dlsym(dlopen("libm.so.6", RTLD_NOW), "fmaf");
    for (int64_t i = 0; i < n; i++)
        y[i] = fused(0.5f, x[n - 1 - i], x[i]);
}
