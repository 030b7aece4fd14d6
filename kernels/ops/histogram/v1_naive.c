// One table, an element after the other. A bin is guessed by a division and put right by its edges.
// Learned: each count is a load, an addition and a store to a place that was perhaps written a moment ago; waiting
// for that store, not the arithmetic, is what takes the time when neighbours are alike.
#include "kernel.h"

static double edge(int64_t i, int64_t bins, double low, double high) {
    return i == bins ? high : (double)i * ((high - low) / (double)bins) + low;
}

KERNEL histogram_v1_naive_f32(const float *x, int64_t *counts, int64_t n, int64_t bins, double low, double high,
                              int threads) {
    (void)threads;
    for (int64_t i = 0; i < bins; i++) counts[i] = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = x[i];
        if (!(v >= low && v <= high)) continue;
        int64_t at = (int64_t)((v - low) / (high - low) * (double)bins);
        if (at >= bins) at = bins - 1;
        while (at > 0 && v < edge(at, bins, low, high)) at--;
        while (at < bins - 1 && v >= edge(at + 1, bins, low, high)) at++;
        counts[at]++;
    }
    return OK;
}

KERNEL bincount_v1_naive_u8(const uint8_t *x, int64_t *counts, int64_t n, int64_t bins, int threads) {
    (void)threads;
    for (int64_t i = 0; i < bins; i++) counts[i] = 0;
    for (int64_t i = 0; i < n; i++) {
        if (x[i] >= bins) return BAD_INDEX;
        counts[x[i]]++;
    }
    return OK;
}
