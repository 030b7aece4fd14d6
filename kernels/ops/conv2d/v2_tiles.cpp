// A tile of channels and pixels of the result stays in registers while everything that goes into it passes by: a
// product of matrices whose second factor, the windows, is never written down. Pixels are the lanes, weights are
// broadcast; those of a tile stay in the nearest cache for all pixels. The gradient by the input is the same with
// other taps; the one by the weights has pixels as the sum.
// Learned: nine times fewer reads than window by window, and each weight serves 48 pixels. Laying the image out with
// its padding takes away every limit from the inner loop; the junk between rows costs 3 % of the multiplications for
// an image of 56 columns. Weights are broadcast from where they are: packing them took as long as convolving a small
// image; so did new pages for the frame, whose memory is now kept. The sums of a gradient by a weight are added
// across their lanes sixteen at a time.
#include "dots.h"
#include "frame.h"

#if defined(__AVX512F__)
constexpr int MANY = 8;  // channels of a tile: 8 x 3 running sums, of 32 registers
#else
constexpr int MANY = 4;  // 4 x 3, of 16
#endif
constexpr int VECTORS = 3;
constexpr int64_t CHAIN = 512;         // products added up one after the other
constexpr int64_t CACHE = 1 << 18;     // floats of a frame, to stay in the second cache

// ---- channels of the result by pixels

// Where weights are: those of a tile so far from result to result, from channel to channel; those of a result so far
// for each one before it.
struct Weights {
    const float *data;
    int64_t result, channel, before;
};

// M channels of N vectors of pixels.
template <int M, int N>
static void tile(float *out, const float *in, int64_t plane, int64_t channels, const Tap *taps, int64_t count,
                 Weights weights, bool first) {
    vf part[M][N] = {};
    const float *w = weights.data;
    const int64_t result = weights.result;
    for (int64_t c = 0; c < channels; c++, in += plane, w += weights.channel)
        for (int64_t t = 0; t < count; t++) {
            const float *p = in + taps[t].offset, *q = w + taps[t].at;
            vf pixels[N];
#pragma GCC unroll 8
            for (int v = 0; v < N; v++) pixels[v] = load(p + v * W);
#pragma GCC unroll 8
            for (int m = 0; m < M; m++) {
                const vf weight = splat(q[m * result]);
#pragma GCC unroll 8
                for (int v = 0; v < N; v++) part[m][v] += weight * pixels[v];
            }
        }
#pragma GCC unroll 8
    for (int m = 0; m < M; m++)
#pragma GCC unroll 8
        for (int v = 0; v < N; v++) {
            float *sum = out + (m * N + v) * W;
            store(sum, first ? part[m][v] : load(sum) + part[m][v]);
        }
}

template <int M>
static void tile_of(int vectors, float *out, const float *in, int64_t plane, int64_t channels, const Tap *taps,
                    int64_t count, Weights weights) {
    const int64_t chain = std::max<int64_t>(1, CHAIN / count);
    for (int64_t c = 0; c < channels; c += chain, in += chain * plane, weights.data += chain * weights.channel) {
        int64_t some = std::min(chain, channels - c);
        if (vectors == 3) tile<M, 3>(out, in, plane, some, taps, count, weights, c == 0);
        if (vectors == 2) tile<M, 2>(out, in, plane, some, taps, count, weights, c == 0);
        if (vectors == 1) tile<M, 1>(out, in, plane, some, taps, count, weights, c == 0);
    }
}

// Weights of a group as floats in the order tiles need them, and zeros for results that are not there.
template <class T>
static void pack(float *to, const T *weights, int64_t results, int64_t channels, int64_t result_stride,
                 int64_t channel_stride, const Frame &frame, int M) {
    for (int64_t k = 0; k < results; k += M)
        for (int64_t c = 0; c < channels; c++, to += frame.count * M) {
            const T *from = weights + k * result_stride + c * channel_stride;
            for (int m = 0; m < M; m++)
                for (int64_t t = 0; t < frame.count; t++)
                    to[t * M + m] = k + m < results ? widen(from[m * result_stride + frame.taps[t].weight]) : 0.0f;
        }
}

// Of the next tile, where so many pixels are left: one vector alone would not keep the multipliers busy.
static int vectors_of(int64_t pixels) {
    const int64_t left = (pixels + W - 1) / W;
    return left == VECTORS + 1 ? VECTORS - 1 : int(std::min<int64_t>(left, VECTORS));
}

// A stretch of pixels in rows of `wide`, of all channels of a group; put(channel, row, column, values, count) takes
// those that are results. The last block of channels may do some of the one before again.
template <int M, class Put>
static void stretch(const float *in, const Frame &frame, int64_t plane, Weights weights, int64_t results,
                    int64_t padded, int64_t channels, int64_t flat, int64_t wide, int64_t ow, Put put) {
    alignas(64) float out[M * VECTORS * W];
    const float *data = weights.data;
    for (int64_t next_k = 0; next_k < results; next_k += M) {
        const int64_t k = std::min(next_k, padded - M);
        weights.data = data + k * weights.before;
        for (int64_t p = 0, pixels; p < flat; p += pixels) {
            const int vectors = vectors_of(flat - p);
            pixels = std::min<int64_t>(flat - p, vectors * W);
            tile_of<M>(vectors, out, in + p, plane, channels, frame.taps, frame.count, weights);
            for (int64_t q = p, next; q < p + pixels; q = next) {
                const int64_t row = q / wide, column = q % wide;
                next = std::min(p + pixels, (row + 1) * wide);
                const int64_t some = std::min(next - q, ow - column);
                for (int64_t m = 0; m < std::min<int64_t>(M, results - k) && some > 0; m++)
                    put(k + m, row, column, out + m * vectors * W + (q - p), some);
            }
        }
    }
}

// Values to where they follow each other.
template <class T> static void write(T *to, const float *values, int64_t count, float add) {
    int64_t i = 0;
    for (; i + W <= count; i += W) store(to + i, load(values + i) + add);
    if (i < count) store_some(to + i, int(count - i), load_some(values + i, int(count - i), 0) + add);
}

// ---- one convolution of a frame, whatever it is of

template <class T> struct Product {
    const T *x;                             // n images of groups of channels
    int64_t n, groups, channels, results;   // the latter two of a group
    int64_t oh, ow;
    const T *weights;                       // of a group, result, channel and tap:
    int64_t group_stride, result_stride, channel_stride;
    bool dense;  // whether results go to neighbouring places
};

// Rows per band, so that a frame fits the cache and every thread has one.
static int64_t band_rows(const Frame &frame, int64_t channels, int64_t oh, int64_t others, int threads) {
    int64_t rows = oh;
    while (rows > 1 && channels * frame.plane(rows) > CACHE) rows = (rows + 1) / 2;
    while (rows > 4 && others * ((oh + rows - 1) / rows) < threads) rows = (rows + 1) / 2;
    return rows;
}

// put(image, group, channel, row, column, values, count) takes the results. Floats are read where they are: weights
// if those of a result follow each other, and the image if a filter is one pixel and nothing lies around it: then
// what a tile sees is copied side by side.
template <class T, class Put>
static int convolve(const Product<T> &z, const Frame &frame, int threads, Put put) {
    constexpr bool floats = std::is_same_v<T, float>;
    const int64_t M = z.results == 1 ? 1 : MANY, rows = band_rows(frame, z.channels, z.oh, z.n * z.groups, threads);
    const int64_t bands = (z.oh + rows - 1) / rows, over = (VECTORS + 1) * W;  // read, not used
    const bool in_place = floats && z.dense && frame.is_image(z.oh, z.ow);
    const bool as_they_are = floats && z.results >= M && z.channel_stride == frame.count;
    const int64_t plane = in_place ? frame.h * frame.w : frame.plane(rows), filter = z.channels * frame.count;
    const int64_t padded = as_they_are ? z.results : (z.results + M - 1) / M * M;
    frame.place(rows);
    Weights weights = {(const float *)z.weights, z.result_stride, z.channel_stride, z.result_stride};
    int64_t group_stride = z.group_stride;
    for (int64_t t = 0; t < frame.count; t++) frame.taps[t].at = as_they_are ? frame.taps[t].weight : t * M;
    if (!as_they_are) {
        group_stride = padded * filter;
        float *packed = scratch<float>(WEIGHTS, z.groups * group_stride);
        if (!packed) return NO_MEMORY;
        for (int64_t g = 0; g < z.groups; g++)
            pack(packed + g * group_stride, z.weights + g * z.group_stride, z.results, z.channels, z.result_stride,
                 z.channel_stride, frame, int(M));
        weights = {packed, 1, frame.count * M, filter};
    }
    int fault = OK;
    parallel_for(z.n * z.groups * bands, 1, threads, [&](int64_t begin, int64_t end) {
        float *in = scratch<float>(IN, z.channels * (in_place ? VECTORS * W : plane) + over);
        if (!in) {
#pragma omp atomic write
            fault = NO_MEMORY;
            return;
        }
        if (!in_place) std::fill(in + z.channels * plane, in + z.channels * plane + over, 0.0f);
        for (int64_t each = begin; each < end; each++) {
            const int64_t g = each / bands % z.groups, image = each / bands / z.groups, first = each % bands * rows;
            const int64_t some = std::min(rows, z.oh - first), flat = frame.flat(some, z.ow);
            const T *x = z.x + (image * z.groups + g) * z.channels * frame.h * frame.w;
            const Weights w = {weights.data + g * group_stride, weights.result, weights.channel, weights.before};
            auto run = [&](const float *from, int64_t plane, int64_t flat, int64_t wide, int64_t ow, int64_t right) {
                auto here = [&](int64_t k, int64_t row, int64_t column, const float *values, int64_t count) {
                    put(image, g, k, first + row, column + right, values, count);
                };
                if (M == 1)
                    stretch<1>(from, frame, plane, w, z.results, padded, z.channels, flat, wide, ow, here);
                else
                    stretch<MANY>(from, frame, plane, w, z.results, padded, z.channels, flat, wide, ow, here);
            };
            if (!in_place) {
                frame.fill(in, x, z.channels, first, rows);
                run(in, plane, flat, frame.wide, z.ow, 0);
                continue;
            }
            const float *from = (const float *)x + first * z.ow;  // all rows as one, a tile's pixels at a time
            for (int64_t p = 0, pixels; p < flat; p += pixels) {
                const int vectors = vectors_of(flat - p);
                pixels = std::min<int64_t>(flat - p, vectors * W);
                for (int64_t c = 0; c < z.channels; c++) write(in + c * vectors * W, from + c * plane + p, pixels, 0);
                run(in, vectors * W, pixels, flat, flat, p);
            }
        }
    });
    return fault;
}

template <class T>
static int forward(const T *x, const T *weight, const T *bias, T *y, const Sizes &z, int threads) {
    Tap *taps = scratch<Tap>(TAPS, z.taps());
    if (!taps) return NO_MEMORY;
    for (int64_t t = 0; t < z.taps(); t++)
        taps[t] = {t / z.s * z.dh - z.ph, t % z.s * z.dw - z.pw, t, 0, 0, 0, 0, 0};
    const int64_t filter = z.cg * z.taps(), kg = z.kg();
    const Product<T> product = {x, z.n, z.groups, z.cg, kg, z.oh, z.ow, weight, kg * filter, filter, z.taps(), true};
    const Frame frame(z.h, z.w, z.sh, z.sw, taps, z.taps(), z.ow);
    return convolve(product, frame, threads,
                    [&](int64_t image, int64_t g, int64_t k, int64_t row, int64_t column, const float *values,
                        int64_t count) {
                        const float add = bias ? widen(bias[g * kg + k]) : 0.0f;
                        T *to = y + ((image * z.k + g * kg + k) * z.oh + row) * z.ow + column;
                        write(to, values, count, add);
                    });
}

// ---- the gradient by the input: pixels of equal remainder by the stride see the same taps

template <class T>
static int by_input(const T *dy, const T *weight, T *dx, const Sizes &z, int threads) {
    Tap *taps = scratch<Tap>(TAPS, z.taps());
    if (!taps) return NO_MEMORY;
    const int64_t filter = z.cg * z.taps();
    std::fill(dx, dx + z.n * z.c * z.h * z.w, T{});  // pixels that no tap reaches
    for (int64_t a = 0; a < std::min(z.sh, z.h); a++)
        for (int64_t b = 0; b < std::min(z.sw, z.w); b++) {
            int64_t count = 0;
            for (int64_t t = 0; t < z.taps(); t++) {
                int64_t row = a + z.ph - t / z.s * z.dh, column = b + z.pw - t % z.s * z.dw;
                if (row % z.sh == 0 && column % z.sw == 0)
                    taps[count++] = {row / z.sh, column / z.sw, t, 0, 0, 0, 0, 0};
            }
            if (!count) continue;
            const int64_t rows = (z.h - a + z.sh - 1) / z.sh, columns = (z.w - b + z.sw - 1) / z.sw;
            const Frame frame(z.oh, z.ow, 1, 1, taps, count, columns);
            const Product<T> product = {dy,      z.n,  z.groups, z.kg(),          z.cg,     rows,
                                        columns, weight, z.kg() * filter, z.taps(), filter, z.sh == 1 && z.sw == 1};
            int fault = convolve(product, frame, threads,
                                 [&](int64_t image, int64_t g, int64_t c, int64_t row, int64_t column,
                                     const float *values, int64_t n) {
                                     const int64_t channel = image * z.c + g * z.cg + c;
                                     T *to = dx + (channel * z.h + row * z.sh + a) * z.w + column * z.sw + b;
                                     if (z.sw == 1) return write(to, values, n, 0);
                                     for (int64_t i = 0; i < n; i++) to[i * z.sw] = narrow<T>(values[i]);
                                 });
            if (fault) return fault;
        }
    return OK;
}

// ---- the gradient by the weights: pixels are what is summed over

// A band: all channels of the result in a group by all taps of some channels of the input, added to dw.
static void all_dots(float *dw, const float *dy, int64_t kg, int64_t pixels, const float *x, const Frame &frame,
                     int64_t plane, int64_t channels, int64_t filter) {
    for (int64_t k = 0; k < kg; k += DOTS_K)
        for (int64_t j = 0; j < channels * frame.count; j += DOTS_X) {
            const float *d[DOTS_K], *v[DOTS_X];
            float sums[DOTS_K][DOTS_X];
            for (int64_t i = 0; i < DOTS_K; i++) d[i] = dy + std::min(k + i, kg - 1) * pixels;
            for (int64_t i = 0; i < DOTS_X; i++) {
                int64_t at = std::min(j + i, channels * frame.count - 1);
                v[i] = x + at / frame.count * plane + frame.taps[at % frame.count].offset;
            }
            dots(sums, d, v, pixels);
            for (int64_t i = 0; i < DOTS_K && k + i < kg; i++)
                for (int64_t l = 0; l < DOTS_X && j + l < channels * frame.count; l++)
                    dw[(k + i) * filter + j + l] += sums[i][l];
        }
}

// dy of a band in rows as wide as the frame's, with zeros between them and up to whole vectors.
template <class T>
static void widened(float *to, const T *dy, int64_t channels, int64_t rows, int64_t pixels, int64_t wide,
                    const Sizes &z) {
    for (int64_t k = 0; k < channels; k++, to += pixels, dy += z.oh * z.ow) {
        std::fill(to, to + pixels, 0.0f);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < z.ow; j++) to[i * wide + j] = widen(dy[i * z.ow + j]);
    }
}

template <class T>
static int by_weights(const T *x, const T *dy, T *dw, const Sizes &z, int threads) {
    const int64_t kg = z.kg(), filter = z.cg * z.taps();
    Tap *taps = scratch<Tap>(TAPS, z.taps());
    float *total = scratch<float>(TOTAL, z.k * filter);
    if (!taps || !total) return NO_MEMORY;
    std::fill(total, total + z.k * filter, 0.0f);
    for (int64_t t = 0; t < z.taps(); t++)
        taps[t] = {t / z.s * z.dh - z.ph, t % z.s * z.dw - z.pw, t, 0, 0, 0, 0, 0};
    const Frame frame(z.h, z.w, z.sh, z.sw, taps, z.taps(), z.ow);
    int64_t rows = z.oh, some = z.cg;
    while (rows > 1 && kg * rows * frame.wide > CACHE) rows = (rows + 1) / 2;
    while (some > 1 && (some * frame.plane(rows) > CACHE || z.groups * ((z.cg + some - 1) / some) < threads))
        some = (some + 1) / 2;
    frame.place(rows);
    const int64_t plane = frame.plane(rows), pixels = (frame.flat(rows, z.ow) + W - 1) / W * W;
    const int64_t pieces = (z.cg + some - 1) / some;
    int fault = OK;
    parallel_for(z.groups * pieces, 1, threads, [&](int64_t begin, int64_t end) {
        float *in = scratch<float>(IN, some * plane + 2 * W), *out = scratch<float>(OUT, kg * pixels);
        if (!in || !out) {
#pragma omp atomic write
            fault = NO_MEMORY;
            return;
        }
        for (int64_t each = begin; each < end; each++)
            for (int64_t image = 0; image < z.n; image++)
                for (int64_t first = 0; first < z.oh; first += rows) {
                    const int64_t g = each / pieces, c = each % pieces * some, channels = std::min(some, z.cg - c);
                    const T *from = x + (image * z.c + g * z.cg + c) * z.h * z.w;
                    frame.fill(in, from, channels, first, rows);
                    std::fill(in + channels * plane, in + channels * plane + 2 * W, 0.0f);
                    widened(out, dy + ((image * z.k + g * kg) * z.oh + first) * z.ow, kg,
                            std::min(rows, z.oh - first), pixels, frame.wide, z);
                    all_dots(total + g * kg * filter + c * z.taps(), out, kg, pixels, in, frame, plane,
                             channels, filter);
                }
    });
    for (int64_t i = 0; i < z.k * filter; i++) dw[i] = narrow<T>(total[i]);
    return fault;
}

template <class T>
static void by_bias(const T *dy, T *db, const Sizes &z) {
    for (int64_t k = 0; k < z.k; k++) {
        double sum = 0;
        for (int64_t image = 0; image < z.n; image++)
            for (int64_t i = 0; i < z.oh * z.ow; i++) sum += widen(dy[(image * z.k + k) * z.oh * z.ow + i]);
        db[k] = narrow<T>(float(sum));
    }
}

template <class T>
static int backward(const T *x, const T *weight, const T *dy, T *dx, T *dw, T *db, const Sizes &z, int threads) {
    int fault = OK;
    if (dx) fault = by_input(dy, weight, dx, z, threads);
    if (dw && !fault) fault = by_weights(x, dy, dw, z, threads);
    if (db && !fault) by_bias(dy, db, z);
    return fault;
}

#define SIZES                                                                                                          \
    int64_t n, int64_t c, int64_t h, int64_t w, int64_t k, int64_t cg, int64_t r, int64_t s, int64_t oh, int64_t ow,   \
        int64_t sh, int64_t sw, int64_t ph, int64_t pw, int64_t dh, int64_t dw, int64_t groups, int threads
#define GIVEN Sizes{n, c, h, w, k, cg, r, s, oh, ow, sh, sw, ph, pw, dh, dw, groups}, threads

#define DEFINE(T, DTYPE)                                                                                               \
    KERNEL conv2d_v2_tiles_##DTYPE(const T *x, const T *weight, const T *bias, T *y, SIZES) {                          \
        return forward(x, weight, bias, y, GIVEN);                                                                     \
    }                                                                                                                  \
    KERNEL conv2d_grad_v2_tiles_##DTYPE(const T *x, const T *weight, const T *dy, T *dx, T *dweight, T *dbias,         \
                                        SIZES) {                                                                       \
        return backward(x, weight, dy, dx, dweight, dbias, GIVEN);                                                     \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
