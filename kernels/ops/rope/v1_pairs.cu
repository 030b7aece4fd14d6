// A thread to a pair of values that turn together, both styles by one kernel: where the two lie is all that differs.
// What is not turned is copied by the threads that follow.
// Learned: neighbouring threads turn neighbouring pairs, so reading and writing are coalesced in either style, and
// there are six operations to eight or sixteen bytes: nothing else is to be won but wider accesses. A position out of
// range, which a card cannot refuse, gives NaN.
#include "kernel.cuh"

template <class T, class I>
DEVICE void turn(const T *x, const float *cos, const float *sin, const I *positions, T *y, i64 batch, i64 n, i64 heads,
                 i64 d, i64 length, i64 half, i64 offset, bool interleaved, float sign) {
    const i64 each = d - half, all = batch * n * heads * each;  // pairs, then what is copied
    const i64 step = static_cast<i64>(gridDim.x) * blockDim.x;
    for (i64 i = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; i < all; i += step) {
        const i64 j = i % each, head = i / each, token = head / heads;
        if (j >= half) {
            y[head * d + half + j] = x[head * d + half + j];
            continue;
        }
        const i64 at = (positions ? static_cast<i64>(positions[token]) : token % n) + offset;
        const bool inside = at >= 0 && at < length;
        const float c = inside ? cos[at * half + j] : INF - INF, s = inside ? sign * sin[at * half + j] : INF - INF;
        const i64 first = head * d + (interleaved ? 2 * j : j), second = first + (interleaved ? 1 : half);
        const float a = widen(x[first]), b = widen(x[second]);
        y[first] = narrow<T>(a * c - b * s);
        y[second] = narrow<T>(b * c + a * s);
    }
}

#define OPERATOR(OP, FROM, TO, SIGN, T, I, NAME)                                                                  \
    KERNEL(256) OP##_v1_pairs_##NAME(const T *FROM, const float *cos, const float *sin, const I *positions, T *TO, \
                                     i64 batch, i64 n, i64 heads, i64 d, i64 length, i64 half, i64 offset,        \
                                     i64 style) {                                                                 \
        turn(FROM, cos, sin, positions, TO, batch, n, heads, d, length, half, offset, style, SIGN);               \
    }
#define DEFINE(T, I, NAME)                    \
    OPERATOR(rope, x, y, 1, T, I, NAME)       \
    OPERATOR(rope_grad, dy, dx, -1, T, I, NAME)
DEFINE(float, i64, f32_i64)
DEFINE(bf16, i64, bf16_i64)
DEFINE(f16, i64, f16_i64)
DEFINE(float, int, f32_i32)
DEFINE(bf16, int, bf16_i32)
DEFINE(f16, int, f16_i32)
