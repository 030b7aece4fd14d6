// The formula as it stands, once the labels are known to be in range: the largest logit, the sum of exponentials,
// and minus the logarithm of the label's share in it.
// Learned: nothing of the probabilities needs to be kept, so the loss reads the logits and writes one number a row;
// what is left is a call of expf per logit.
#include <math.h>
#include <stddef.h>

#include "kernel.h"

#define LABEL(i) (targets ? targets[i] : short_targets[i])

static int all_in_range(const int64_t *targets, const int32_t *short_targets, int64_t rows, int64_t n,
                        int64_t ignore_index) {
    for (int64_t i = 0; i < rows; i++)
        if (LABEL(i) != ignore_index && (LABEL(i) < 0 || LABEL(i) >= n)) return 0;
    return 1;
}

// Loss, gradient or both; labels in one of two widths.
static int run(const float *logits, const int64_t *targets, const int32_t *short_targets, const float *dloss,
               float *dlogits, float *loss, int64_t rows, int64_t n, int64_t ignore_index) {
    if (!all_in_range(targets, short_targets, rows, n, ignore_index)) return BAD_INDEX;
    for (int64_t i = 0; i < rows; i++) {
        const float *x = logits + i * n;
        const int64_t label = LABEL(i);
        const int kept = label != ignore_index;
        const float scale = dloss ? dloss[i] : 1;
        float top = -INFINITY;
        double sum = 0;
        for (int64_t j = 0; j < n; j++) top = x[j] > top || x[j] != x[j] ? x[j] : top;
        for (int64_t j = 0; j < n; j++) sum += expf(x[j] - top);
        if (loss) loss[i] = kept ? (float)(log(sum) - (x[label] - top)) : 0;
        for (int64_t j = 0; dlogits && j < n; j++)
            dlogits[i * n + j] = kept ? (float)(expf(x[j] - top) / sum - (j == label)) * scale : 0;
    }
    return OK;
}

KERNEL cross_entropy_v1_naive_f32_i64(const float *logits, const int64_t *targets, float *loss, int64_t rows,
                                      int64_t n, int64_t ignore_index, int threads) {
    (void)threads;
    return run(logits, targets, NULL, NULL, NULL, loss, rows, n, ignore_index);
}

KERNEL cross_entropy_v1_naive_f32_i32(const float *logits, const int32_t *targets, float *loss, int64_t rows,
                                      int64_t n, int64_t ignore_index, int threads) {
    (void)threads;
    return run(logits, NULL, targets, NULL, NULL, loss, rows, n, ignore_index);
}

KERNEL cross_entropy_grad_v1_naive_f32_i64(const float *logits, const int64_t *targets, const float *dloss,
                                           float *dlogits, float *loss, int64_t rows, int64_t n,
                                           int64_t ignore_index, int threads) {
    (void)threads;
    return run(logits, targets, NULL, dloss, dlogits, loss, rows, n, ignore_index);
}

KERNEL cross_entropy_grad_v1_naive_f32_i32(const float *logits, const int32_t *targets, const float *dloss,
                                           float *dlogits, float *loss, int64_t rows, int64_t n,
                                           int64_t ignore_index, int threads) {
    (void)threads;
    return run(logits, NULL, targets, dloss, dlogits, loss, rows, n, ignore_index);
}
