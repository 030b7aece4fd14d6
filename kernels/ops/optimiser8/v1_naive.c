// As the formulas say: decode a block, update it, find the new scales, encode it again.
// Learned: the 255 thresholds walked along for each code cost far more than the arithmetic.
#include <math.h>

#include "kernel.h"

enum { BLOCK = 256 };
enum rate { STEP, LR, BETA1, BETA2, EPS, DECAY, GAIN, BETA3, ALPHA };

static void encode(const float *x, int64_t n, const float *values, uint8_t *codes, float *absmax) {
    float top = 0;
    for (int64_t i = 0; i < n; i++) top = fabsf(x[i]) > top || x[i] != x[i] ? fabsf(x[i]) : top;
    *absmax = top;
    float scale = 1.0f / (top < 1e-38f ? 1e-38f : top);
    for (int64_t i = 0; i < n; i++) {
        int code = 0;
        while (code < 255 && (values[code] + values[code + 1]) * 0.5f < x[i] * scale) code++;
        codes[i] = (uint8_t)code;
    }
}

static float sign_of(float x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

KERNEL adamw_8bit_v1_naive_f32(float *p, const float *g, uint8_t *codes1, float *absmax1, const float *values1,
                               uint8_t *codes2, float *absmax2, const float *values2, const double *rates, int64_t n,
                               int64_t blocks, int threads) {
    (void)threads;
    const double beta1 = rates[BETA1], beta2 = rates[BETA2], root = sqrt(1 - pow(beta2, rates[STEP]));
    const float rate = (float)(rates[LR] * root / (1 - pow(beta1, rates[STEP]))), floor = (float)(rates[EPS] * root);
    for (int64_t b = 0; b < blocks; b++) {
        int64_t from = b * BLOCK, count = n - from < BLOCK ? n - from : BLOCK;
        float m[BLOCK], v[BLOCK];
        for (int64_t i = 0; i < count; i++) {
            float grad = g[from + i] * (float)rates[GAIN];
            if (!isfinite(grad)) {
                m[i] = v[i] = 0;
                continue;
            }
            m[i] = (float)beta1 * values1[codes1[from + i]] * absmax1[b] + (float)(1 - beta1) * grad;
            v[i] = (float)beta2 * values2[codes2[from + i]] * absmax2[b] + (float)(1 - beta2) * grad * grad;
            p[from + i] = p[from + i] * (float)(1 - rates[LR] * rates[DECAY]) - rate * m[i] / (sqrtf(v[i]) + floor);
        }
        encode(m, count, values1, codes1 + from, absmax1 + b);
        encode(v, count, values2, codes2 + from, absmax2 + b);
    }
    return OK;
}

KERNEL ademamix_8bit_v1_naive_f32(float *p, const float *g, uint8_t *codes1, float *absmax1, uint8_t *codes3,
                                  float *absmax3, const float *values1, uint8_t *codes2, float *absmax2,
                                  const float *values2, const double *rates, int64_t n,
                               int64_t blocks, int threads) {
    (void)threads;
    const double beta1 = rates[BETA1], beta2 = rates[BETA2], beta3 = rates[BETA3];
    const float once = (float)(1 - pow(beta1, rates[STEP])), root = (float)sqrt(1 - pow(beta2, rates[STEP]));
    for (int64_t b = 0; b < blocks; b++) {
        int64_t from = b * BLOCK, count = n - from < BLOCK ? n - from : BLOCK;
        float fast[BLOCK], slow[BLOCK], v[BLOCK];
        for (int64_t i = 0; i < count; i++) {
            float grad = g[from + i] * (float)rates[GAIN];
            fast[i] = (float)beta1 * values1[codes1[from + i]] * absmax1[b] + (float)(1 - beta1) * grad;
            slow[i] = (float)beta3 * values1[codes3[from + i]] * absmax3[b] + (float)(1 - beta3) * grad;
            v[i] = (float)beta2 * values2[codes2[from + i]] * absmax2[b] + (float)(1 - beta2) * grad * grad;
            float step_of = (fast[i] / once + (float)rates[ALPHA] * slow[i]) / (sqrtf(v[i]) / root + (float)rates[EPS]);
            p[from + i] = p[from + i] * (float)(1 - rates[LR] * rates[DECAY]) - (float)rates[LR] * step_of;
        }
        encode(fast, count, values1, codes1 + from, absmax1 + b);
        encode(slow, count, values1, codes3 + from, absmax3 + b);
        encode(v, count, values2, codes2 + from, absmax2 + b);
    }
    return OK;
}

// One state: what becomes of it, and of p, for a gradient that was scaled.
#define ONE_STATE(NAME, UPDATE)                                                                                        \
    KERNEL NAME##_8bit_v1_naive_f32(float *p, const float *g, uint8_t *codes, float *absmax, const float *values,      \
                                    const double *rates, int64_t n, int64_t blocks, int threads) {                     \
        const float rate = (float)rates[LR], b1 = (float)rates[BETA1], b2 = (float)rates[BETA2];                       \
        const float rest1 = (float)(1 - rates[BETA1]), rest2 = (float)(1 - rates[BETA2]), floor = (float)rates[EPS];   \
        const float decay = (float)rates[DECAY];                                                                       \
        (void)threads, (void)b1, (void)b2, (void)rest1, (void)rest2, (void)floor;                                      \
        for (int64_t b = 0; b < blocks; b++) {                                                                         \
            int64_t from = b * BLOCK, count = n - from < BLOCK ? n - from : BLOCK;                                     \
            float state[BLOCK];                                                                                        \
            for (int64_t i = 0; i < count; i++) {                                                                      \
                float s = values[codes[from + i]] * absmax[b], x = p[from + i], grad = g[from + i] * (float)rates[GAIN]; \
                UPDATE;                                                                                                \
                p[from + i] = x;                                                                                       \
                state[i] = s;                                                                                          \
            }                                                                                                          \
            encode(state, count, values, codes + from, absmax + b);                                                    \
        }                                                                                                              \
        return OK;                                                                                                     \
    }

ONE_STATE(momentum, grad += decay * x; s = rates[STEP] == 1 ? grad : b1 * s + grad; x -= rate * s)
ONE_STATE(lion, x *= 1 - rate * decay; x -= rate * sign_of(b1 * s + rest1 * grad); s = b2 * s + rest2 * grad)
ONE_STATE(rmsprop, grad += decay * x; s = b1 * s + rest1 * grad * grad; x -= rate * grad / (sqrtf(s) + floor))
ONE_STATE(adagrad, grad += decay * x; s += grad * grad; x -= rate * grad / (sqrtf(s) + floor))
