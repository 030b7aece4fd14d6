// Pair by pair, both styles by one loop: where the two values of a pair lie is all that differs.
// Learned: the rotation is six operations for eight bytes; the strides of the general loop keep the compiler from
// vectorising it, so it computes slower than memory delivers.
#include <string.h>

#include "kernel.h"

static int turn(
    const float *x, const float *cos, const float *sin, const int64_t *wide, const int32_t *narrow, float *y,
    int64_t batch, int64_t n, int64_t heads, int64_t d, int64_t length, int64_t half, int64_t offset,
    int64_t interleaved, float sign) {
    int64_t step = interleaved ? 2 : 1, apart = interleaved ? 1 : half;
    for (int64_t token = 0; token < batch * n; token++) {
        int64_t at = wide ? wide[token] : narrow ? narrow[token] : token % n;
        if (at < -offset || at >= length - offset) return BAD_INDEX;
        const float *c = cos + (at + offset) * half, *s = sin + (at + offset) * half;
        for (int64_t head = 0; head < heads; head++, x += d, y += d) {
            for (int64_t j = 0; j < half; j++) {
                float a = x[j * step], b = x[j * step + apart];
                y[j * step] = a * c[j] - b * (sign * s[j]);
                y[j * step + apart] = b * c[j] + a * (sign * s[j]);
            }
            memmove(y + 2 * half, x + 2 * half, (d - 2 * half) * sizeof *x);
        }
    }
    return OK;
}

#define DEFINE(OP, SIGN, INDEX, NAME, WIDE, NARROW)                                                           \
    KERNEL OP##_v1_naive_f32_##NAME(                                                                          \
        const float *x, const float *cos, const float *sin, const INDEX *positions, float *y, int64_t batch,  \
        int64_t n, int64_t heads, int64_t d, int64_t length, int64_t half, int64_t offset,                    \
        int64_t interleaved, int threads) {                                                                   \
        (void)threads;                                                                                        \
        return turn(                                                                                          \
            x, cos, sin, WIDE, NARROW, y, batch, n, heads, d, length, half, offset, interleaved, SIGN);       \
    }
DEFINE(rope, 1, int64_t, i64, positions, 0)
DEFINE(rope, 1, int32_t, i32, 0, positions)
DEFINE(rope_grad, -1, int64_t, i64, positions, 0)
DEFINE(rope_grad, -1, int32_t, i32, 0, positions)
