// Rows are quantised W elements at a time; products are of 16-bit numbers, summed in pairs (multiply-add of int16).
// Learned: both operands have their elements in the order of the sum, so nothing is rearranged: a product of two rows
// is a walk along both. Widening a row of the weight serves four rows of x.
#include "activations.h"

#if defined(__AVX512BW__)
typedef __m512i wide;
static inline wide widened(const int8_t *p) { return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)p)); }
static inline wide multiply_add(wide a, wide b, wide c) { return _mm512_add_epi32(c, _mm512_madd_epi16(a, b)); }
#elif defined(__AVX2__)
typedef __m256i wide;
static inline wide widened(const int8_t *p) { return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p)); }
static inline wide multiply_add(wide a, wide b, wide c) { return _mm256_add_epi32(c, _mm256_madd_epi16(a, b)); }
#else
typedef __m128i wide;
static inline wide widened(const int8_t *p) {
    __m128i bytes = _mm_loadl_epi64((const __m128i *)p);
    return _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
}
static inline wide multiply_add(wide a, wide b, wide c) { return _mm_add_epi32(c, _mm_madd_epi16(a, b)); }
#endif
constexpr int STEP = sizeof(wide) / 2;

static inline int32_t total(wide sums) {
    vi x = (vi)sums;
    int32_t sum = 0;
    for (int i = 0; i < W; i++) sum += x[i];
    return sum;
}

// One row of the weight times R rows of x.
template <int R>
static void dot(const int8_t *weight, const int8_t *x, int64_t line, int64_t k, int32_t *sums) {
    wide parts[R] = {};
    int64_t i = 0;
    for (; i + STEP <= k; i += STEP) {
        wide w = widened(weight + i);
        for (int r = 0; r < R; r++) parts[r] = multiply_add(w, widened(x + r * line + i), parts[r]);
    }
    for (int r = 0; r < R; r++) {
        sums[r] = total(parts[r]);
        for (int64_t j = i; j < k; j++) sums[r] += int32_t(weight[j]) * x[r * line + j];
    }
}

template <class T>
static int linear(const T *x, const int8_t *weight, const float *absmax, const T *bias, T *y, int64_t rows, int64_t k,
                  int64_t n, float threshold, int threads) {
    Activations<T> a(x, rows, k, 1, threshold, threads);
    if (!a.complete) return NO_MEMORY;
    parallel_for(n, 65536 / (rows * k + 1) + 1, threads, [&](int64_t begin, int64_t end) {
        for (int64_t j = begin; j < end; j++) {
            const int8_t *w = weight + j * k;
            float shift = bias ? widen(bias[j]) : 0;
            for (int64_t m = 0; m < rows; m += 4) {
                int32_t sums[4];
                const int8_t *codes = a.codes.get() + m * a.line;
                int64_t count = rows - m < 4 ? rows - m : 4;
                if (count == 4)
                    dot<4>(w, codes, a.line, k, sums);
                else
                    for (int64_t r = 0; r < count; r++) dot<1>(w, codes + r * a.line, a.line, k, sums + r);
                for (int64_t r = 0; r < count; r++)
                    y[(m + r) * n + j] = narrow<T>(float(sums[r]) * (a.absmax[m + r] * absmax[j] / 16129) +
                                                   a.outlying(m + r, w, absmax[j]) + shift);
            }
        }
    });
    return OK;
}

template <class T>
static int quantize(const T *x, int8_t *codes, float *absmax, uint8_t *outliers, int64_t rows, int64_t k,
                    float threshold, int threads) {
    find_outliers(x, rows, k, threshold, outliers, threads);
    encode_rows(x, rows, k, k, threshold, threshold > 0 ? outliers : nullptr, codes, absmax, threads);
    return OK;
}

constexpr int STRIP = 64;  // columns of the weight that are copied to lie together: a line of the cache each
constexpr int TALL = W == 16 ? 8 : 4;

// TALL rows of the gradient times 2 W columns of a strip.
static void columns_of(const float *scaled, const int8_t *strip, int64_t n, float *sums) {
    vf left[TALL] = {}, right[TALL] = {};
    for (int64_t j = 0; j < n; j++) {
        vf a = codes_as_floats(strip + j * STRIP), b = codes_as_floats(strip + j * STRIP + W);
        for (int r = 0; r < TALL; r++) {
            left[r] += splat(scaled[r * n + j]) * a;
            right[r] += splat(scaled[r * n + j]) * b;
        }
    }
    for (int r = 0; r < TALL; r++) {
        store(sums + r * STRIP, left[r]);
        store(sums + r * STRIP + W, right[r]);
    }
}

template <class T>
static void gradient_of_strip(const float *scaled, const int8_t *strip, T *dx, int64_t rows, int64_t n, int64_t k,
                              int64_t from) {
    const int64_t count = k - from < STRIP ? k - from : STRIP;
    for (int64_t m = 0; m < rows; m += TALL) {
        alignas(64) float sums[TALL * STRIP];
        for (int64_t i = 0; i < STRIP; i += 2 * W) columns_of(scaled + m * n, strip + i, n, sums + i);
        for (int64_t r = 0; r < TALL && m + r < rows; r++)
            for (int64_t i = 0; i < count; i++) dx[(m + r) * k + from + i] = narrow<T>(sums[r * STRIP + i]);
    }
}

template <class T>
static int gradient(const T *grad, const int8_t *weight, const float *absmax, T *dx, int64_t rows, int64_t n, int64_t k,
                    int threads) {
    const int64_t tall = rounded(rows, TALL), strips = (k + STRIP - 1) / STRIP, parts = threads < 1 ? 1 : threads;
    Scratch<float> scaled = scratch<float>(tall * n);
    Scratch<int8_t> copies = scratch<int8_t>(parts * n * STRIP);
    if (!scaled || !copies) return NO_MEMORY;
    for (int64_t m = 0; m < tall; m++)
        for (int64_t j = 0; j < n; j++) scaled[m * n + j] = m < rows ? widen(grad[m * n + j]) * (absmax[j] / 127) : 0;
    parallel_for(strips, 1, threads, [&](int64_t begin, int64_t end, int64_t worker) {
        int8_t *strip = copies.get() + worker * n * STRIP;
        for (int64_t s = begin; s < end; s++) {
            const int64_t from = s * STRIP, count = k - from < STRIP ? k - from : STRIP;
            for (int64_t j = 0; j < n; j++) {
                memcpy(strip + j * STRIP, weight + j * k + from, size_t(count));
                memset(strip + j * STRIP + count, 0, size_t(STRIP - count));
            }
            gradient_of_strip(scaled.get(), strip, dx, rows, n, k, from);
        }
    });
    return OK;
}

#define DEFINE(T, NAME)                                                                                              \
    KERNEL int8_quantize_rows_v2_vector_##NAME(const T *x, int8_t *codes, float *absmax, uint8_t *outliers,          \
                                               int64_t rows, int64_t k, double threshold, int threads) {             \
        return quantize(x, codes, absmax, outliers, rows, k, float(threshold), threads);                             \
    }                                                                                                                \
    KERNEL int8_linear_v2_vector_##NAME(const T *x, const int8_t *weight, const float *absmax, const T *bias, T *y,  \
                                        int64_t rows, int64_t k, int64_t n, double threshold, int threads) {         \
        return linear(x, weight, absmax, bias, y, rows, k, n, float(threshold), threads);                            \
    }                                                                                                                \
    KERNEL int8_linear_grad_v2_vector_##NAME(const T *grad, const int8_t *weight, const float *absmax, T *dx,        \
                                             int64_t rows, int64_t n, int64_t k, int threads) {                      \
        return gradient(grad, weight, absmax, dx, rows, n, k, threads);                                              \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
