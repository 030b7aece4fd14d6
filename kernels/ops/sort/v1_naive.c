// Merge runs of 1, 2, 4, … between two buffers, positions beside the values. Stable.
// Learned: log2(n) times through memory, 22 times for four million, and at each step a branch that nothing predicts.
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

typedef struct {
    float value;
    int64_t at;
} item;

static int after(float a, float b) { return a != a ? b == b : a > b; }  // a comes after b: NaN after everything

static item *sorted(item *a, item *b, int64_t n) {
    for (int64_t run = 1; run < n; run *= 2) {
        for (int64_t from = 0; from < n; from += 2 * run) {
            int64_t middle = from + run < n ? from + run : n, end = middle + run < n ? middle + run : n;
            int64_t i = from, j = middle;
            for (int64_t k = from; k < end; k++)
                b[k] = j >= end || (i < middle && !after(a[i].value, a[j].value)) ? a[i++] : a[j++];
        }
        item *t = a;
        a = b;
        b = t;
    }
    return a;
}

static int all(const float *x, float *values, int64_t *order, int64_t rows, int64_t n) {
    item *memory = malloc(2 * (size_t)n * sizeof(item));
    if (!memory && n) return NO_MEMORY;
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t i = 0; i < n; i++) memory[i] = (item){x[row * n + i], i};
        const item *found = sorted(memory, memory + n, n);
        for (int64_t i = 0; i < n; i++) {
            if (values) values[row * n + i] = found[i].value;
            if (order) order[row * n + i] = found[i].at;
        }
    }
    free(memory);
    return OK;
}

KERNEL sort_v1_naive_f32(const float *x, float *y, int64_t rows, int64_t n, int threads) {
    (void)threads;
    return all(x, y, 0, rows, n);
}

KERNEL argsort_v1_naive_f32(const float *x, int64_t *order, int64_t rows, int64_t n, int threads) {
    (void)threads;
    return all(x, 0, order, rows, n);
}
