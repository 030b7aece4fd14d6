#define _GNU_SOURCE
#include <stdint.h>
#include <sys/mman.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    size_t bytes = (n + 1) * sizeof(float);
    float *scratch = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(scratch, bytes, MADV_HUGEPAGE);
    for (int64_t i = 0; i < n; i++)
        scratch[i] = 0.5f * x[n - 1 - i];
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + scratch[i];
    munmap(scratch, bytes);
}
