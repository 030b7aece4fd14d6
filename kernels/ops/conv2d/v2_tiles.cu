// An implicit matrix product: filters by pixels of the result, summed over channels and taps. A block keeps 128 by 128
// sums, 8 by 8 in each thread, and brings 8 steps of depth at a time through shared memory while it multiplies those
// before; what lies under a tap is looked up as it is brought, nothing is laid out in memory.
// Learned: an element that was looked up serves 128 filters, so the divisions that find it do not matter; a thread
// stays with one pixel and works out once where that is.
#include "kernel.cuh"

constexpr int SIDE = 128, DEPTH = 8, THREADS = 256, EACH = SIDE * DEPTH / THREADS, PADDED = SIDE + 4;

struct Sizes {
    i64 c, h, w, k, cg, r, s, oh, ow, sh, sw, ph, pw, dh, dw;
    i64 pixels, filters;  // of the result in all images; of a group

    DEVICE i64 depth() const { return cg * r * s; }
};

// A pixel of the result: its image's channels of the group, and where its first tap lies.
template <class T>
struct Pixel {
    const T *planes;
    i64 row, column;
    bool there;

    DEVICE Pixel(const Sizes &z, const T *x, i64 group, i64 pixel) : there(pixel < z.pixels) {
        const i64 at = there ? pixel : 0, image = at / (z.oh * z.ow);
        planes = x + (image * z.c + group * z.cg) * z.h * z.w;
        row = at / z.ow % z.oh * z.sh - z.ph, column = at % z.ow * z.sw - z.pw;
    }
    DEVICE float under(const Sizes &z, i64 depth) const {
        if (!there || depth >= z.depth()) return 0;
        const u32 d = static_cast<u32>(depth), taps = static_cast<u32>(z.r * z.s), tap = d % taps;
        const i64 i = row + tap / static_cast<u32>(z.s) * z.dh, j = column + tap % static_cast<u32>(z.s) * z.dw;
        return i >= 0 && i < z.h && j >= 0 && j < z.w ? widen(planes[(d / taps * z.h + i) * z.w + j]) : 0;
    }
};

// Thread t's lines of the tile: four from 4t on, and four 64 behind them.
DEVICE int line_of(int t, int i) { return 4 * t + i % 4 + i / 4 * 64; }

DEVICE void take(const float *row, int t, float (&x)[8]) {
    float low[4], high[4];
    unpack(load16(row + 4 * t), low, float());
    unpack(load16(row + 4 * t + 64), high, float());
#pragma unroll
    for (int i = 0; i < 4; i++) x[i] = low[i], x[4 + i] = high[i];
}

template <class T>
DEVICE void multiply(const Sizes &z, const T *x, const T *weight, const T *bias, T *y, i64 group, i64 f0, i64 p0) {
    __shared__ uint4 space[2][2][DEPTH][PADDED / 4];  // on borders of 16 bytes
    typedef float Panel[DEPTH][PADDED];
    Panel *filters = reinterpret_cast<Panel *>(space[0]), *pixels = reinterpret_cast<Panel *>(space[1]);
    const int t = threadIdx.x, ti = t / 16, tj = t % 16;
    const Pixel<T> pixel(z, x, group, p0 + t % SIDE);
    const T *taps = weight + group * z.filters * z.depth();
    float sums[8][8] = {}, next_f[EACH], next_p[EACH];
    const auto fetch = [&](i64 depth0) {
#pragma unroll
        for (int e = 0; e < EACH; e++) {
            const i64 f = f0 + (t + e * THREADS) / DEPTH, d = depth0 + t % DEPTH;
            next_f[e] = f < z.filters && d < z.depth() ? widen(taps[f * z.depth() + d]) : 0;
            next_p[e] = pixel.under(z, depth0 + t / SIDE + e * (THREADS / SIDE));
        }
    };
    fetch(0);
    for (i64 d = 0, turn = 0; d < z.depth(); d += DEPTH, turn ^= 1) {
#pragma unroll
        for (int e = 0; e < EACH; e++) {
            filters[turn][t % DEPTH][(t + e * THREADS) / DEPTH] = next_f[e];
            pixels[turn][t / SIDE + e * (THREADS / SIDE)][t % SIDE] = next_p[e];
        }
        __syncthreads();  // the other half is free: who still reads it has not come here twice
        if (d + DEPTH < z.depth()) fetch(d + DEPTH);
#pragma unroll
        for (int p = 0; p < DEPTH; p++) {
            float a[8], b[8];
            take(filters[turn][p], ti, a);
            take(pixels[turn][p], tj, b);
#pragma unroll
            for (int i = 0; i < 8; i++)
#pragma unroll
                for (int j = 0; j < 8; j++) sums[i][j] += a[i] * b[j];
        }
    }
    const i64 image = z.oh * z.ow;
#pragma unroll
    for (int j = 0; j < 8; j++) {
        const i64 p = p0 + line_of(tj, j);
        T *to = y + p / image * z.k * image + p % image;
#pragma unroll
        for (int i = 0; i < 8; i++) {
            const i64 f = group * z.filters + f0 + line_of(ti, i);
            if (p < z.pixels && f0 + line_of(ti, i) < z.filters)
                to[f * image] = narrow<T>(bias ? sums[i][j] + widen(bias[f]) : sums[i][j]);
        }
    }
}

#define DEFINE(T, NAME)                                                                                               \
    KERNEL(THREADS) conv2d_v2_tiles_##NAME(const T *x, const T *weight, const T *bias, T *y, i64 n, i64 c, i64 h,     \
                                           i64 w, i64 k, i64 cg, i64 r, i64 s, i64 oh, i64 ow, i64 stride_h,          \
                                           i64 stride_w, i64 pad_h, i64 pad_w, i64 dilation_h, i64 dilation_w,        \
                                           i64 groups) {                                                              \
        const Sizes z = {c,  h,        w,        k,     cg,    r,          s,          oh,          ow,                \
                         stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, n * oh * ow, k / groups};          \
        const i64 tall = (z.filters + SIDE - 1) / SIDE, wide = (z.pixels + SIDE - 1) / SIDE, tile = blockIdx.x;       \
        multiply(z, x, weight, bias, y, tile / (tall * wide), tile % tall * SIDE, tile / tall % wide * SIDE);         \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
