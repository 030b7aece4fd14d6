// Every window by itself, element by element.
// Learned: windows that overlap read the same elements again, nine times for 3x3 by 1, and the limits of each window
// are worked out anew: more of the time goes there than into comparing.
#include <math.h>
#include <string.h>

#include "kernel.h"

typedef struct {
    int64_t top, bottom, left, right;
} window;

static window at(int64_t i, int64_t j, int64_t h, int64_t w, int64_t kh, int64_t kw, int64_t sh, int64_t sw, int64_t ph,
                 int64_t pw) {
    window a = {i * sh - ph, i * sh - ph + kh, j * sw - pw, j * sw - pw + kw};
    if (a.top < 0) a.top = 0;
    if (a.left < 0) a.left = 0;
    if (a.bottom > h) a.bottom = h;
    if (a.right > w) a.right = w;
    return a;
}

#define WINDOW int64_t kh, int64_t kw, int64_t sh, int64_t sw, int64_t ph, int64_t pw

KERNEL max_pool2d_indices_v1_naive_f32(const float *x, float *y, int64_t *indices, int64_t planes, int64_t h, int64_t w,
                                       int64_t oh, int64_t ow, WINDOW, int threads) {
    (void)threads;
    for (int64_t p = 0; p < planes; p++, x += h * w)
        for (int64_t i = 0; i < oh; i++)
            for (int64_t j = 0; j < ow; j++) {
                window a = at(i, j, h, w, kh, kw, sh, sw, ph, pw);
                int64_t best = a.top * w + a.left;
                for (int64_t r = a.top; r < a.bottom; r++)
                    for (int64_t c = a.left; c < a.right; c++) {
                        float v = x[r * w + c], top = x[best];
                        if (v > top || (v != v && top == top)) best = r * w + c;
                    }
                *y++ = x[best];
                if (indices) *indices++ = best;
            }
    return OK;
}

KERNEL max_pool2d_v1_naive_f32(const float *x, float *y, int64_t planes, int64_t h, int64_t w, int64_t oh, int64_t ow,
                               WINDOW, int threads) {
    return max_pool2d_indices_v1_naive_f32(x, y, 0, planes, h, w, oh, ow, kh, kw, sh, sw, ph, pw, threads);
}

KERNEL max_pool2d_grad_v1_naive_f32(const float *dy, const int64_t *indices, float *dx, int64_t planes, int64_t oh,
                                    int64_t ow, int64_t h, int64_t w, int threads) {
    (void)threads;
    memset(dx, 0, (size_t)planes * (size_t)(h * w) * sizeof(float));
    for (int64_t p = 0; p < planes; p++, dx += h * w)
        for (int64_t i = 0; i < oh * ow; i++, dy++, indices++) {
            if (*indices < 0 || *indices >= h * w) return BAD_INDEX;
            dx[*indices] += *dy;
        }
    return OK;
}

KERNEL avg_pool2d_v1_naive_f32(const float *x, float *y, int64_t planes, int64_t h, int64_t w, int64_t oh, int64_t ow,
                               WINDOW, int64_t count_padding, int threads) {
    (void)threads;
    for (int64_t p = 0; p < planes; p++, x += h * w)
        for (int64_t i = 0; i < oh; i++)
            for (int64_t j = 0; j < ow; j++) {
                window a = at(i, j, h, w, kh, kw, sh, sw, ph, pw);
                double sum = 0;
                for (int64_t r = a.top; r < a.bottom; r++)
                    for (int64_t c = a.left; c < a.right; c++) sum += x[r * w + c];
                int64_t count = count_padding ? kh * kw : (a.bottom - a.top) * (a.right - a.left);
                *y++ = (float)(sum / (double)count);
            }
    return OK;
}

KERNEL avg_pool2d_grad_v1_naive_f32(const float *dy, float *dx, int64_t planes, int64_t oh, int64_t ow, int64_t h,
                                    int64_t w, WINDOW, int64_t count_padding, int threads) {
    (void)threads;
    memset(dx, 0, (size_t)planes * (size_t)(h * w) * sizeof(float));
    for (int64_t p = 0; p < planes; p++, dx += h * w)
        for (int64_t i = 0; i < oh; i++)
            for (int64_t j = 0; j < ow; j++) {
                window a = at(i, j, h, w, kh, kw, sh, sw, ph, pw);
                int64_t count = count_padding ? kh * kw : (a.bottom - a.top) * (a.right - a.left);
                float share = *dy++ / (float)count;
                for (int64_t r = a.top; r < a.bottom; r++)
                    for (int64_t c = a.left; c < a.right; c++) dx[r * w + c] += share;
            }
    return OK;
}
