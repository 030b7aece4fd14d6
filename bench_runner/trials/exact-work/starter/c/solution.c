/* UNITS times `turns` times the same unit of work; the answer does not depend on how often it is done. */
#include <stdint.h>

#define UNITS 100

static void unit(const float *restrict x, float *restrict y, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        float v = x[n - 1 - i], to = x[i];
        for (int step = 0; step < 8; step++)
            v = 0.5f * v + 0.5f * to;
        y[i] = v;
    }
}

void exact_work(const float *x, float *y, int64_t n, int64_t turns) {
    for (int64_t count = 0; count < UNITS * turns; count++) {
        unit(x, y, n);
        __asm__ volatile("" ::: "memory"); /* or the compiler would do one unit and leave */
    }
}
