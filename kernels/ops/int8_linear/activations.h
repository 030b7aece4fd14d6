// Rows of activations as int8: the scale of each, and the columns that are left out of them for being too large.
#pragma once
#include <cstdlib>
#include <memory>

#include "parallel.h"
#include "simd.h"

using namespace simd;

typedef int8_t codes_of_w __attribute__((vector_size(W)));

struct Free {
    void operator()(void *p) const { free(p); }
};
template <class T>
using Scratch = std::unique_ptr<T[], Free>;

// Uninitialised, on a cache line; empty if there is no memory.
template <class T>
inline Scratch<T> scratch(int64_t count) {
    return Scratch<T>((T *)aligned_alloc(64, (size_t(count) * sizeof(T) + 63) / 64 * 64 + 64));
}

inline int64_t rounded(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

inline vi nearest(vf x) {  // ties to even
#if defined(__AVX512F__)
    return (vi)_mm512_cvtps_epi32((__m512)x);
#elif defined(__AVX2__)
    return (vi)_mm256_cvtps_epi32((__m256)x);
#else
    return (vi)_mm_cvtps_epi32((__m128)x);
#endif
}

// The largest magnitude below the threshold (0: of all); NaN if there is one.
template <class T>
inline float absmax_below(const T *x, int64_t k, float threshold) {
    const vf limit = splat(threshold > 0 ? threshold : std::numeric_limits<float>::infinity());
    const bool all = !(threshold > 0);
    vi top = vi{};
    auto take = [&](vf part) {
        vf size = abs(part);
        vi u = bits<vi>(size);
        if (!all) u &= ~(size >= limit);
        top = u > top ? u : top;
    };
    int64_t i = 0;
    for (; i + W <= k; i += W) take(load(x + i));
    if (i < k) take(load_some(x + i, int(k - i), 0));
    int32_t largest = 0;
    for (int j = 0; j < W; j++) largest = top[j] > largest ? top[j] : largest;
    return bits<float>(largest);
}

// The compiler converts between vectors of bytes and of words in several steps; the processor has one.
inline vf codes_as_floats(const int8_t *p) {
#if defined(__AVX512F__)
    return (vf)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
#elif defined(__AVX2__)
    return (vf)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
#else
    codes_of_w codes;
    memcpy(&codes, p, W);
    return __builtin_convertvector(__builtin_convertvector(codes, vi), vf);
#endif
}

inline void store_codes(int8_t *p, vi x) {
#if defined(__AVX512F__)
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8((__m512i)x));
#else
    codes_of_w codes = __builtin_convertvector(x, codes_of_w);
    memcpy(p, &codes, W);
#endif
}

inline vi code_of(vf x, float scale) {
    vf y = x * scale;
    y = y > 127.0f ? splat(127) : y;
    y = y < -127.0f ? splat(-127) : y;
    return nearest(y == y ? y : vf{});
}

// One row; `outliers` NULL if there are none.
template <class T>
inline void encode_row(const T *x, int64_t k, float absmax, const uint8_t *outliers, int8_t *codes) {
    float scale = absmax > 0 ? 127 / absmax : 0;
    int64_t i = 0;
    for (; i + W <= k; i += W) store_codes(codes + i, code_of(load(x + i), scale));
    if (i < k) {
        int8_t rest[W];
        store_codes(rest, code_of(load_some(x + i, int(k - i), 0), scale));
        memcpy(codes + i, rest, size_t(k - i));
    }
    if (outliers)
        for (i = 0; i < k; i++) codes[i] &= outliers[i] ? 0 : -1;
}

// Which columns hold a magnitude of the threshold or more.
template <class T>
inline void find_outliers(const T *x, int64_t rows, int64_t k, float threshold, uint8_t *outliers, int threads) {
    memset(outliers, 0, size_t(k));
    if (!(threshold > 0)) return;
    int64_t strips = (k + 255) / 256;
    parallel_for(strips, 65536 / (256 * (rows + 1)) + 1, threads, [=](int64_t begin, int64_t end) {
        int64_t from = begin * 256, to = end * 256 < k ? end * 256 : k;
        for (int64_t m = 0; m < rows; m++) {
            const T *row = x + m * k;
            int64_t i = from;
            for (; i + W <= to; i += W) {
                codes_of_w found, large = __builtin_convertvector(abs(load(row + i)) >= threshold, codes_of_w);
                memcpy(&found, outliers + i, W);
                found |= large & 1;
                memcpy(outliers + i, &found, W);
            }
            for (; i < to; i++) outliers[i] |= std::fabs(widen(row[i])) >= threshold;
        }
    });
}

// All rows, each `line` codes long: behind k stand zeros.
template <class T>
inline void encode_rows(const T *x, int64_t rows, int64_t k, int64_t line, float threshold, const uint8_t *outliers,
                        int8_t *codes, float *absmax, int threads) {
    parallel_for(rows, 16384 / (k + 1) + 1, threads, [=](int64_t begin, int64_t end) {
        for (int64_t m = begin; m < end; m++) {
            absmax[m] = absmax_below(x + m * k, k, threshold);
            encode_row(x + m * k, k, absmax[m], outliers, codes + m * line);
            memset(codes + m * line + k, 0, size_t(line - k));
        }
    });
}

// The activations of a call, made ready: codes, scales, and the outlying columns in full.
template <class T>
struct Activations {
    int64_t rows, k, line, count = 0;  // count: of outlying columns
    Scratch<int8_t> codes;
    Scratch<float> absmax, apart;  // apart: [count][rows]
    Scratch<int64_t> columns;
    bool complete = false;

    Activations(const T *x, int64_t rows, int64_t k, int64_t multiple, float threshold, int threads)
        : rows(rows), k(k), line(rounded(k, multiple)), codes(scratch<int8_t>(rows * line)),
          absmax(scratch<float>(rows)), columns(scratch<int64_t>(k)) {
        Scratch<uint8_t> outliers = scratch<uint8_t>(k);
        if (!codes || !absmax || !columns || !outliers) return;
        find_outliers(x, rows, k, threshold, outliers.get(), threads);
        for (int64_t i = 0; i < k; i++)
            if (outliers[i]) columns[count++] = i;
        apart = scratch<float>(count * rows);
        if (!apart) return;
        for (int64_t c = 0; c < count; c++)
            for (int64_t m = 0; m < rows; m++) apart[c * rows + m] = widen(x[m * k + columns[c]]);
        encode_rows(x, rows, k, line, threshold, count ? outliers.get() : nullptr, codes.get(), absmax.get(), threads);
        complete = true;
    }

    // What the outlying columns add to row m times one row of the weight.
    float outlying(int64_t m, const int8_t *weight, float weight_absmax) const {
        float sum = 0;
        for (int64_t c = 0; c < count; c++) sum += apart[c * rows + m] * float(weight[columns[c]]);
        return sum * (weight_absmax / 127);
    }
};
