// The formulas as they stand, element by element.
// Learned: one pass over four arrays, and the compiler vectorises it by itself; what holds it back are a square
// root and two divisions per element in the narrow vectors of the baseline.
#include <math.h>

#include "kernel.h"

static int step(
    float *param, float *m, float *v, const float *grad, const double *rates, float *low, int64_t n, int decoupled) {
    float lr = rates[0] / rates[5], rest1 = 1 - rates[1], beta2 = rates[2], rest2 = 1 - rates[2];
    float eps = rates[3], root = sqrt(rates[6]);
    float kept = decoupled ? 1 - rates[0] * rates[4] : 1, added = decoupled ? 0 : rates[4];
    for (int64_t i = 0; i < n; i++) {
        float p = param[i] * kept, g = added ? grad[i] + added * p : grad[i];
        m[i] += (g - m[i]) * rest1;
        v[i] = beta2 * v[i] + rest2 * (g * g);
        param[i] = p - lr * (m[i] / (sqrtf(v[i]) / root + eps));
        if (low) low[i] = param[i];
    }
    return OK;
}

#define DEFINE(OP, DECOUPLED)                                                                             \
    KERNEL OP##_v1_naive_f32(                                                                             \
        float *param, float *m, float *v, const float *grad, const double *rates, float *low, int64_t n,  \
        int threads) {                                                                                    \
        (void)threads;                                                                                    \
        return step(param, m, v, grad, rates, low, n, DECOUPLED);                                         \
    }
DEFINE(adam, 0)
DEFINE(adamw, 1)
