// For each of the k places a walk over the row, for the largest element that comes after the one before it.
// Learned: no memory is needed beside the result, because order and index together tell what was taken already; but
// k readings of the row are k readings.
#include "kernel.h"

// Whether element i of a row, a, comes before element j, b.
static int before(float a, int64_t i, float b, int64_t j) {
    if (a != a || b != b) return b == b || (a != a && i < j);
    return a > b || (a == b && i < j);
}

// The first element of the row that comes after `last`; after none if that is -1.
static int64_t next(const float *x, int64_t n, int64_t last) {
    int64_t best = -1;
    for (int64_t j = 0; j < n; j++) {
        if (last >= 0 && !before(x[last], last, x[j], j)) continue;
        if (best < 0 || before(x[j], j, x[best], best)) best = j;
    }
    return best;
}

KERNEL top_k_v1_naive_f32(const float *x, float *values, int64_t *indices, int64_t rows, int64_t n, int64_t k,
                          int threads) {
    (void)threads;
    for (int64_t i = 0; i < rows; i++, x += n) {
        int64_t last = -1;
        for (int64_t place = 0; place < k; place++) {
            last = next(x, n, last);
            values[i * k + place] = x[last];
            indices[i * k + place] = last;
        }
    }
    return OK;
}

KERNEL argmax_v1_naive_f32(const float *x, int64_t *index, int64_t rows, int64_t n, int threads) {
    (void)threads;
    for (int64_t i = 0; i < rows; i++) index[i] = next(x + i * n, n, -1);
    return OK;
}
