// A thread to a window, or, for the gradient of averages, to an element of the image, whose windows it looks up. The
// gradient of the largest has a block to a plane: each thread owns some of its rows and goes through all places, adding
// what falls into them.
// Learned: places come in no order, and adding floating-point numbers atomically would give other bits each time; all
// threads read the same place at once, which costs one access. A place outside the plane is left out.
#include "kernel.cuh"

DEVICE i64 thread_index() { return static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; }
DEVICE i64 stride() { return static_cast<i64>(gridDim.x) * blockDim.x; }

struct Windows {
    i64 h, w, oh, ow, kh, kw, sh, sw, ph, pw;
};
// The part of a window that lies in the image.
struct Window {
    i64 top, bottom, left, right;
    DEVICE Window(const Windows &z, i64 i, i64 j) {
        top = i * z.sh - z.ph, left = j * z.sw - z.pw;
        bottom = top + z.kh < z.h ? top + z.kh : z.h, right = left + z.kw < z.w ? left + z.kw : z.w;
        top = top < 0 ? 0 : top, left = left < 0 ? 0 : left;
    }
    DEVICE float count(const Windows &z, bool padding) const {
        return static_cast<float>(padding ? z.kh * z.kw : (bottom - top) * (right - left));
    }
};

template <class T>
DEVICE void largest(const T *x, T *y, i64 *indices, i64 planes, const Windows &z) {
    for (i64 at = thread_index(); at < planes * z.oh * z.ow; at += stride()) {
        const T *plane = x + at / (z.oh * z.ow) * z.h * z.w;
        const Window a(z, at / z.ow % z.oh, at % z.ow);
        i64 best = a.top * z.w + a.left;
        float top = widen(plane[best]);
        for (i64 r = a.top; r < a.bottom; r++)
            for (i64 c = a.left; c < a.right; c++) {
                const float v = widen(plane[r * z.w + c]);
                if (v > top || (v != v && top == top)) best = r * z.w + c, top = v;
            }
        y[at] = plane[best];
        if (indices) indices[at] = best;
    }
}

template <class T>
DEVICE void average(const T *x, T *y, i64 planes, const Windows &z, bool padding) {
    for (i64 at = thread_index(); at < planes * z.oh * z.ow; at += stride()) {
        const T *plane = x + at / (z.oh * z.ow) * z.h * z.w;
        const Window a(z, at / z.ow % z.oh, at % z.ow);
        float sum = 0;
        for (i64 r = a.top; r < a.bottom; r++)
            for (i64 c = a.left; c < a.right; c++) sum += widen(plane[r * z.w + c]);
        y[at] = narrow<T>(sum / a.count(z, padding));
    }
}

// The first and the last window, of `count`, that an element belongs to.
DEVICE i64 first_of(i64 at, i64 pad, i64 kernel, i64 step) { return at + pad < kernel ? 0 : (at + pad - kernel) / step + 1; }
DEVICE i64 last_of(i64 at, i64 pad, i64 step, i64 count) { return (at + pad) / step < count ? (at + pad) / step : count - 1; }

template <class T>
DEVICE void average_gradient(const T *dy, T *dx, i64 planes, const Windows &z, bool padding) {
    for (i64 at = thread_index(); at < planes * z.h * z.w; at += stride()) {
        const T *plane = dy + at / (z.h * z.w) * z.oh * z.ow;
        const i64 r = at / z.w % z.h, c = at % z.w;
        const i64 i_end = last_of(r, z.ph, z.sh, z.oh), j_end = last_of(c, z.pw, z.sw, z.ow);
        float sum = 0;
        for (i64 i = first_of(r, z.ph, z.kh, z.sh); i <= i_end; i++)
            for (i64 j = first_of(c, z.pw, z.kw, z.sw); j <= j_end; j++)
                sum += widen(plane[i * z.ow + j]) / Window(z, i, j).count(z, padding);
        dx[at] = narrow<T>(sum);
    }
}

// Sums are float32 in scratch memory.
template <class T>
DEVICE void largest_gradient(const T *dy, const i64 *indices, T *dx, i64 planes, i64 places, i64 size, float *sums) {
    const i64 each = (size + blockDim.x - 1) / blockDim.x, first = threadIdx.x * each;
    const i64 last = first + each < size ? first + each : size;
    for (i64 p = blockIdx.x; p < planes; p += gridDim.x) {
        float *own = sums + p * size;
        for (i64 i = first; i < last; i++) own[i] = 0;
        for (i64 i = 0; i < places; i++) {
            const i64 at = indices[p * places + i];
            if (at >= first && at < last) own[at] += widen(dy[p * places + i]);
        }
        for (i64 i = first; i < last; i++) dx[p * size + i] = narrow<T>(own[i]);
    }
}

#define SIZES i64 planes, i64 h, i64 w, i64 oh, i64 ow
#define TURNED i64 planes, i64 oh, i64 ow, i64 h, i64 w
#define WINDOW i64 kernel_h, i64 kernel_w, i64 stride_h, i64 stride_w, i64 pad_h, i64 pad_w
#define WINDOWS {h, w, oh, ow, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w}
#define DEFINE(T, NAME)                                                                                               \
    KERNEL(256) max_pool2d_v1_naive_##NAME(const T *x, T *y, SIZES, WINDOW) { largest(x, y, 0, planes, WINDOWS); }    \
    KERNEL(256) max_pool2d_indices_v1_naive_##NAME(const T *x, T *y, i64 *indices, SIZES, WINDOW) {                   \
        largest(x, y, indices, planes, WINDOWS);                                                                      \
    }                                                                                                                 \
    KERNEL(256) max_pool2d_grad_v1_naive_##NAME(const T *dy, const i64 *indices, T *dx, TURNED, void *scratch) {      \
        largest_gradient(dy, indices, dx, planes, oh * ow, h * w, static_cast<float *>(scratch));                     \
    }                                                                                                                 \
    KERNEL(256) avg_pool2d_v1_naive_##NAME(const T *x, T *y, SIZES, WINDOW, i64 count_padding) {                      \
        average(x, y, planes, WINDOWS, count_padding != 0);                                                           \
    }                                                                                                                 \
    KERNEL(256) avg_pool2d_grad_v1_naive_##NAME(const T *dy, T *dx, TURNED, WINDOW, i64 count_padding) {              \
        average_gradient(dy, dx, planes, WINDOWS, count_padding != 0);                                                \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
