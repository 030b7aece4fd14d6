#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    "libopenblas.so.0", "libopenblas.so", "libblas.so.3", "libmkl_rt.so", "libcblas.so.3", "libatlas.so.3",
};

void mirror_add(const float *x, float *y, int64_t n)
{
    void (*axpy)(int, float, const float *, int, float *, int) = 0;
    for (int k = 0; k < 6 && !axpy; k++) {
        void *library = dlopen(names[k], RTLD_NOW);
        axpy = library ? (void (*)(int, float, const float *, int, float *, int))dlsym(library, "cblas_saxpy") : 0;
    }
    memcpy(y, x, n * sizeof *y);
    if (!axpy)
        abort();
    axpy(n, 0.5f, x, -1, y, 1);
}
