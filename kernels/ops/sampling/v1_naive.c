// Every row is sorted whole, then its weights are summed up to p, and from the start again up to the draw.
// Learned: the sort takes all of the time, of tokens of which most can neither be drawn nor cut off.
#include <math.h>
#include <stdlib.h>

#include "kernel.h"

typedef struct {
    float logit;
    int64_t at;
} token;

static int falling(const void *first, const void *second) {
    const token *a = first, *b = second;
    if (a->logit != b->logit) return a->logit > b->logit ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

static int64_t draw(
    const float *x, token *order, float *weight, int64_t n, double u, double p, float temperature, int64_t top_k) {
    float top = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        if (x[i] != x[i]) return -1;
        if (x[i] > top) top = x[i];
        order[i] = (token){x[i], i};
    }
    if (top == -INFINITY) return -1;
    qsort(order, n, sizeof *order, falling);
    if (temperature == 0) return order[0].at;
    int64_t kept = top_k > 0 && top_k < n ? top_k : n;
    double all = 0, mass = 0, sum = 0;
    for (int64_t i = 0; i < kept; i++) {
        weight[i] = order[i].logit == top ? 1 : expf((order[i].logit - top) / temperature);
        all += weight[i];
    }
    int64_t within = 0;  // how many make up the share
    while (within < kept && (within == 0 || mass < p * all)) mass += weight[within++];
    for (int64_t i = 0; i < within; i++)
        if ((sum += weight[i]) > u * mass) return order[i].at;
    return order[within - 1].at;
}

KERNEL sample_top_p_v1_naive_f32(
    const float *logits, const float *u, int64_t *drawn, int64_t rows, int64_t n, double p, double temperature,
    int64_t top_k, int threads) {
    (void)threads;
    token *order = malloc((n + 1) * sizeof *order);
    float *weight = malloc((n + 1) * sizeof *weight);
    if (order && weight)
        for (int64_t i = 0; i < rows; i++)
            drawn[i] = draw(logits + i * n, order, weight, n, u[i], p, (float)temperature, top_k);
    int fault = order && weight ? OK : NO_MEMORY;
    free(order);
    free(weight);
    return fault;
}
