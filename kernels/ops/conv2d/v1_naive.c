// Seven loops, as the definition has them.
// Learned: every product asks whether it lies within the image, and every element of the image is read once for each
// filter and each of its taps.
#include "kernel.h"

#define SIZES                                                                                                        \
    int64_t n, int64_t c, int64_t h, int64_t w, int64_t k, int64_t cg, int64_t r, int64_t s, int64_t oh, int64_t ow, \
        int64_t sh, int64_t sw, int64_t ph, int64_t pw, int64_t dh, int64_t dw, int64_t groups, int threads

#define EACH(i, size) for (int64_t i = 0; i < size; i++)
// Image b, filter f and its channel e, tap (p, q), place (i, j) of the result.
#define KG (k / groups)
#define ROW (i * sh + p * dh - ph)
#define COLUMN (j * sw + q * dw - pw)
#define WITHIN (ROW >= 0 && ROW < h && COLUMN >= 0 && COLUMN < w)
#define PIXEL (((b * c + f / KG * cg + e) * h + ROW) * w + COLUMN)
#define WEIGHT (((f * cg + e) * r + p) * s + q)
#define PLACE (((b * k + f) * oh + i) * ow + j)

KERNEL conv2d_v1_naive_f32(const float *x, const float *weight, const float *bias, float *y, SIZES) {
    (void)threads;
    EACH(b, n) EACH(f, k) EACH(i, oh) EACH(j, ow) {
        double sum = bias ? bias[f] : 0;
        EACH(e, cg) EACH(p, r) EACH(q, s)
            if (WITHIN) sum += (double)weight[WEIGHT] * x[PIXEL];
        y[PLACE] = (float)sum;
    }
    return OK;
}

// Of one element of the image: the places whose taps meet it.
static float by_pixel(const float *weight, const float *dy, int64_t b, int64_t channel, int64_t row, int64_t column,
                      SIZES) {
    (void)n, (void)c, (void)h, (void)w, (void)threads;
    double sum = 0;
    int64_t e = channel % cg;
    for (int64_t f = channel / cg * KG; f < (channel / cg + 1) * KG; f++)
        EACH(p, r) EACH(q, s) {
            int64_t down = row + ph - p * dh, right = column + pw - q * dw, i = down / sh, j = right / sw;
            if (down >= 0 && right >= 0 && down % sh == 0 && right % sw == 0 && i < oh && j < ow)
                sum += (double)weight[WEIGHT] * dy[PLACE];
        }
    return (float)sum;
}

KERNEL conv2d_grad_v1_naive_f32(const float *x, const float *weight, const float *dy, float *dx, float *dweight,
                                float *dbias, SIZES) {
    if (dx)
        EACH(b, n) EACH(channel, c) EACH(row, h) EACH(column, w)
            *dx++ = by_pixel(weight, dy, b, channel, row, column, n, c, h, w, k, cg, r, s, oh, ow, sh, sw, ph, pw, dh,
                             dw, groups, threads);
    if (dweight)
        EACH(f, k) EACH(e, cg) EACH(p, r) EACH(q, s) {
            double sum = 0;
            EACH(b, n) EACH(i, oh) EACH(j, ow)
                if (WITHIN) sum += (double)dy[PLACE] * x[PIXEL];
            dweight[WEIGHT] = (float)sum;
        }
    if (dbias)
        EACH(f, k) {
            double sum = 0;
            EACH(b, n) EACH(i, oh) EACH(j, ow) sum += dy[PLACE];
            dbias[f] = (float)sum;
        }
    return OK;
}
