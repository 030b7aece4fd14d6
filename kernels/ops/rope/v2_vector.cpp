// Both styles in vectors. Half: four streams, nothing to rearrange. Interleaved: a vector of pairs times each
// cosine twice, plus the pairs swapped times each sine twice, the first negated.
// Learned: rearranging costs nothing beside the memory (three permutations per vector), so interleaved storage
// is as fast as halves.
#include <cstring>
#include <utility>

#include "parallel.h"
#include "simd.h"

using namespace simd;

// Pairs [j, j + count * W): all of the one half is read, then all of the other, because memory is faster in order.
template <int count, class T>
static inline void turn_some(
    const T *x, T *y, const float *c, const float *s, int64_t half, int64_t j, float sign) {
    vf a[count], b[count];
    for (int i = 0; i < count; i++) a[i] = load(x + j + i * W);
    for (int i = 0; i < count; i++) b[i] = load(x + half + j + i * W);
    for (int i = 0; i < count; i++)
        store(y + j + i * W, a[i] * load(c + j + i * W) - b[i] * (load(s + j + i * W) * sign));
    for (int i = 0; i < count; i++)
        store(y + half + j + i * W, b[i] * load(c + j + i * W) + a[i] * (load(s + j + i * W) * sign));
}

template <class T>
static void turn_halves(const T *x, T *y, const float *c, const float *s, int64_t half, float sign) {
    int64_t j = 0;
    for (; j + 4 * W <= half; j += 4 * W) turn_some<4>(x, y, c, s, half, j, sign);
    for (; j + W <= half; j += W) turn_some<1>(x, y, c, s, half, j, sign);
    if (int rest = int(half - j)) {
        vf a = load_some(x + j, rest, 0), b = load_some(x + half + j, rest, 0);
        vf cv = load_some(c + j, rest, 0), sv = load_some(s + j, rest, 0) * sign;
        store_some(y + j, rest, a * cv - b * sv);
        store_some(y + half + j, rest, b * cv + a * sv);
    }
}

// The lanes of W pairs: each value of the lower and of the upper half twice, neighbours swapped, and signs.
template <int... I>
static inline vf low(vf x, std::integer_sequence<int, I...>) {
    return __builtin_shuffle(x, vi{I / 2 ...});
}
template <int... I>
static inline vf high(vf x, std::integer_sequence<int, I...>) {
    return __builtin_shuffle(x, vi{(W + I) / 2 ...});
}
template <int... I>
static inline vf swap(vf x, std::integer_sequence<int, I...>) {
    return __builtin_shuffle(x, vi{(I ^ 1)...});
}
template <int... I>
static inline vf alternate(float sign, std::integer_sequence<int, I...>) {
    return vf{(I % 2 ? 1.0f : -1.0f)...} * sign;
}

template <class T>
static void turn_pairs(const T *x, T *y, const float *c, const float *s, int64_t half, float sign) {
    const std::make_integer_sequence<int, W> lanes;
    const vf signs = alternate(sign, lanes);
    int64_t j = 0;
    for (; j + W <= half; j += W) {
        vf cv = load(c + j), sv = load(s + j), a = load(x + 2 * j), b = load(x + 2 * j + W);
        store(y + 2 * j, a * low(cv, lanes) + swap(a, lanes) * (low(sv, lanes) * signs));
        store(y + 2 * j + W, b * high(cv, lanes) + swap(b, lanes) * (high(sv, lanes) * signs));
    }
    for (; j < half; j++) {
        float a = widen(x[2 * j]), b = widen(x[2 * j + 1]), sj = s[j] * sign;
        y[2 * j] = narrow<T>(a * c[j] - b * sj);
        y[2 * j + 1] = narrow<T>(b * c[j] + a * sj);
    }
}

template <class T, class I>
static int turn(
    const T *x, const float *cos, const float *sin, const I *positions, T *y, int64_t batch, int64_t n,
    int64_t heads, int64_t d, int64_t length, int64_t half, int64_t offset, int64_t interleaved, int threads,
    float sign) {
    if (!positions && n > length - offset) return BAD_INDEX;
    if (positions)
        for (int64_t token = 0; token < batch * n; token++)
            if (positions[token] < -offset || positions[token] >= length - offset) return BAD_INDEX;
    parallel_for(batch * n, 32768 / (heads * d + 1) + 1, threads, [=](int64_t from, int64_t to) {
        for (int64_t token = from; token < to; token++) {
            int64_t at = (positions ? int64_t(positions[token]) : token % n) + offset;
            const float *c = cos + at * half, *s = sin + at * half;
            for (int64_t row = token * heads; row < (token + 1) * heads; row++) {
                if (interleaved)
                    turn_pairs(x + row * d, y + row * d, c, s, half, sign);
                else
                    turn_halves(x + row * d, y + row * d, c, s, half, sign);
                if (2 * half < d)
                    memmove(y + row * d + 2 * half, x + row * d + 2 * half, (d - 2 * half) * sizeof(T));
            }
        }
    });
    return OK;
}

#define DEFINE(OP, SIGN, T, DTYPE, INDEX, NAME)                                                              \
    KERNEL OP##_v2_vector_##DTYPE##_##NAME(                                                                  \
        const T *x, const float *cos, const float *sin, const INDEX *positions, T *y, int64_t batch,         \
        int64_t n, int64_t heads, int64_t d, int64_t length, int64_t half, int64_t offset,                   \
        int64_t interleaved, int threads) {                                                                  \
        return turn(                                                                                         \
            x, cos, sin, positions, y, batch, n, heads, d, length, half, offset, interleaved, threads, SIGN); \
    }
#define DEFINE_ALL(OP, SIGN)                     \
    DEFINE(OP, SIGN, float, f32, int64_t, i64)   \
    DEFINE(OP, SIGN, float, f32, int32_t, i32)   \
    DEFINE(OP, SIGN, bf16, bf16, int64_t, i64)   \
    DEFINE(OP, SIGN, bf16, bf16, int32_t, i32)   \
    DEFINE(OP, SIGN, f16, f16, int64_t, i64)     \
    DEFINE(OP, SIGN, f16, f16, int32_t, i32)
DEFINE_ALL(rope, 1.0f)
DEFINE_ALL(rope_grad, -1.0f)
