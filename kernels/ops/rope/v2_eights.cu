// A thread to eight pairs, 16 bytes or more of every array at a time. In the style of halves the two sides of its pairs
// lie in two places, in the interleaved one they lie in one; what is not turned is copied by the threads that follow.
// Learned: where a pair lies has to be worked out by divisions, which cost as much as turning it; for eight of them
// once is enough.
#include <codes8.cuh>

// Eight pairs from where they lie: the first and the second of each.
template <class T>
DEVICE void load_pairs(const T *x, i64 half, bool interleaved, float (&a)[8], float (&b)[8]) {
    float low[8], high[8];
    load8(x, 8, low);
    load8(x + (interleaved ? 8 : half), 8, high);
#pragma unroll
    for (int e = 0; e < 8; e++) {
        const float *from = e < 4 ? low : high;
        a[e] = interleaved ? from[2 * (e % 4)] : low[e], b[e] = interleaved ? from[2 * (e % 4) + 1] : high[e];
    }
}
template <class T>
DEVICE void store_pairs(T *y, i64 half, bool interleaved, const float (&a)[8], const float (&b)[8]) {
    float low[8], high[8];
#pragma unroll
    for (int e = 0; e < 8; e++) {
        low[e] = interleaved ? (e % 2 ? b : a)[e / 2] : a[e];
        high[e] = interleaved ? (e % 2 ? b : a)[4 + e / 2] : b[e];
    }
    store8(y, 8, low);
    store8(y + (interleaved ? 8 : half), 8, high);
}

template <class T, class I>
DEVICE void turn(const T *x, const float *cos, const float *sin, const I *positions, T *y, i64 batch, i64 n, i64 heads,
                 i64 d, i64 length, i64 half, i64 offset, bool interleaved, float sign) {
    const i64 turned = half / 8, each = turned + (d - 2 * half) / 8, all = batch * n * heads * each;
    const i64 step = static_cast<i64>(gridDim.x) * blockDim.x;
    for (i64 i = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; i < all; i += step) {
        const i64 j = i % each, head = i / each, token = head / heads;
        float a[8], b[8];
        if (j >= turned) {
            const i64 place = head * d + 2 * half + (j - turned) * 8;
            load8(x + place, 8, a);
            store8(y + place, 8, a);
            continue;
        }
        const i64 at = (positions ? static_cast<i64>(positions[token]) : token % n) + offset;
        const bool inside = at >= 0 && at < length;
        const i64 place = head * d + j * (interleaved ? 16 : 8);
        float c[8], s[8];
        load_pairs(x + place, half, interleaved, a, b);
        load8(cos + at * half + j * 8, inside ? 8 : 0, c);
        load8(sin + at * half + j * 8, inside ? 8 : 0, s);
#pragma unroll
        for (int e = 0; e < 8; e++) {
            const float cosine = inside ? c[e] : INF - INF, sine = sign * s[e], first = a[e];
            a[e] = first * cosine - b[e] * sine;
            b[e] = b[e] * cosine + first * sine;
        }
        store_pairs(y + place, half, interleaved, a, b);
    }
}

#define OPERATOR(OP, FROM, TO, SIGN, T, I, NAME)                                                                   \
    KERNEL(256) OP##_v2_eights_##NAME(const T *FROM, const float *cos, const float *sin, const I *positions, T *TO, \
                                      i64 batch, i64 n, i64 heads, i64 d, i64 length, i64 half, i64 offset,        \
                                      i64 style) {                                                                 \
        turn(FROM, cos, sin, positions, TO, batch, n, heads, d, length, half, offset, style, SIGN);                \
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
