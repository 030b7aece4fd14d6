// A thread to an element of the result: of the images, of the gradient of images, of that of filters, of that of bias.
// Learned: right, and a measure for the rest: every product asks whether it lies within the image, and the gradient of
// filters has few threads, each with much to sum up.
#include "kernel.cuh"

DEVICE i64 thread_index() { return static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; }
DEVICE i64 stride() { return static_cast<i64>(gridDim.x) * blockDim.x; }

struct Sizes {
    i64 n, c, h, w, k, cg, r, s, oh, ow, sh, sw, ph, pw, dh, dw, groups;

    DEVICE i64 row(i64 i, i64 p) const { return i * sh + p * dh - ph; }
    DEVICE i64 column(i64 j, i64 q) const { return j * sw + q * dw - pw; }
    DEVICE bool within(i64 row, i64 column) const { return row >= 0 && row < h && column >= 0 && column < w; }
    DEVICE i64 channel(i64 filter, i64 e) const { return filter / (k / groups) * cg + e; }
};

template <class T>
DEVICE void forward(const Sizes &z, const T *x, const T *weight, const T *bias, T *y) {
    for (i64 at = thread_index(); at < z.n * z.k * z.oh * z.ow; at += stride()) {
        const i64 j = at % z.ow, i = at / z.ow % z.oh, f = at / (z.ow * z.oh) % z.k, b = at / (z.ow * z.oh * z.k);
        float sum = 0;
        for (i64 e = 0; e < z.cg; e++) {
            const T *plane = x + (b * z.c + z.channel(f, e)) * z.h * z.w, *taps = weight + (f * z.cg + e) * z.r * z.s;
            float taken = 0;
            for (i64 p = 0; p < z.r; p++)
                for (i64 q = 0; q < z.s; q++) {
                    const i64 row = z.row(i, p), column = z.column(j, q);
                    if (z.within(row, column)) taken += widen(taps[p * z.s + q]) * widen(plane[row * z.w + column]);
                }
            sum += taken;
        }
        y[at] = narrow<T>(bias ? sum + widen(bias[f]) : sum);
    }
}

template <class T>
DEVICE void of_images(const Sizes &z, const T *weight, const T *dy, T *dx) {
    const i64 kg = z.k / z.groups;
    for (i64 at = thread_index(); at < z.n * z.c * z.h * z.w; at += stride()) {
        const i64 column = at % z.w, row = at / z.w % z.h, channel = at / (z.w * z.h) % z.c, b = at / (z.w * z.h * z.c);
        float sum = 0;
        for (i64 f = channel / z.cg * kg; f < (channel / z.cg + 1) * kg; f++) {
            float taken = 0; // first the taps of a filter: shorter sums, of less error
            for (i64 p = 0; p < z.r; p++)
                for (i64 q = 0; q < z.s; q++) {
                    const i64 down = row + z.ph - p * z.dh, right = column + z.pw - q * z.dw;
                    const i64 i = down / z.sh, j = right / z.sw;
                    if (down < 0 || right < 0 || down % z.sh || right % z.sw || i >= z.oh || j >= z.ow) continue;
                    taken += widen(weight[((f * z.cg + channel % z.cg) * z.r + p) * z.s + q]) *
                             widen(dy[((b * z.k + f) * z.oh + i) * z.ow + j]);
                }
            sum += taken;
        }
        dx[at] = narrow<T>(sum);
    }
}

template <class T>
DEVICE void of_filters(const Sizes &z, const T *x, const T *dy, T *dweight) {
    for (i64 at = thread_index(); at < z.k * z.cg * z.r * z.s; at += stride()) {
        const i64 q = at % z.s, p = at / z.s % z.r, e = at / (z.s * z.r) % z.cg, f = at / (z.s * z.r * z.cg);
        float sum = 0;
        for (i64 b = 0; b < z.n; b++) {
            const T *plane = x + (b * z.c + z.channel(f, e)) * z.h * z.w, *result = dy + (b * z.k + f) * z.oh * z.ow;
            for (i64 i = 0; i < z.oh; i++) {
                float line = 0;
                for (i64 j = 0; j < z.ow; j++) {
                    const i64 row = z.row(i, p), column = z.column(j, q);
                    if (z.within(row, column)) line += widen(result[i * z.ow + j]) * widen(plane[row * z.w + column]);
                }
                sum += line;
            }
        }
        dweight[at] = narrow<T>(sum);
    }
}

template <class T>
DEVICE void of_bias(const Sizes &z, const T *dy, T *dbias) {
    for (i64 f = thread_index(); f < z.k; f += stride()) {
        float sum = 0;
        for (i64 b = 0; b < z.n; b++)
            for (i64 i = 0; i < z.oh; i++) {
                float line = 0;
                for (i64 j = 0; j < z.ow; j++) line += widen(dy[((b * z.k + f) * z.oh + i) * z.ow + j]);
                sum += line;
            }
        dbias[f] = narrow<T>(sum);
    }
}

#define SIZES                                                                                                         \
    i64 n, i64 c, i64 h, i64 w, i64 k, i64 cg, i64 r, i64 s, i64 oh, i64 ow, i64 stride_h, i64 stride_w, i64 pad_h,   \
        i64 pad_w, i64 dilation_h, i64 dilation_w, i64 groups
#define VALUES                                                                                                        \
    {n, c, h, w, k, cg, r, s, oh, ow, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups}
// Two blocks to a processor: left alone, ptxas aims at four, and spills.
#define PAIR extern "C" __global__ void __launch_bounds__(256, 2)
#define GRADIENT(T, NAME, SUFFIX, WANTED, WHAT)                                                                       \
    PAIR conv2d_grad_v1_naive_##NAME##SUFFIX(const T *x, const T *weight, const T *dy, T *dx, T *dweight,      \
                                                    T *dbias, SIZES) {                                                \
        if (WANTED) WHAT;                                                                                             \
    }
#define DEFINE(T, NAME)                                                                                               \
    PAIR conv2d_v1_naive_##NAME(const T *x, const T *weight, const T *bias, T *y, SIZES) {                     \
        forward(VALUES, x, weight, bias, y);                                                                          \
    }                                                                                                                 \
    GRADIENT(T, NAME, , dx, of_images(VALUES, weight, dy, dx))                                                        \
    GRADIENT(T, NAME, _filters, dweight, of_filters(VALUES, x, dy, dweight))                                          \
    GRADIENT(T, NAME, _bias, dbias, of_bias(VALUES, dy, dbias))
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
