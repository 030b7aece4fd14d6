#include <stdint.h>

void exact_work(const float *x, float *y, int64_t n, int64_t turns) {
    (void)x, (void)y, (void)n, (void)turns;
}
