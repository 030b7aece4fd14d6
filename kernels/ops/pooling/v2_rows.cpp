// First down, then across: the rows of a window become one row, a vector at a time, and the windows are taken from
// that row, W of them together. Padding is a margin of the row, so no window has limits of its own.
// Learned: a window costs its height and its width instead of their product. Every second element of a row, for
// stride 2, is one shuffle of two vectors; for wider strides element by element is good enough. A window that is the
// whole plane leaves one column, for which rows are no help: its elements are taken side by side (7x7: 4 times as fast).
// Dividing by what is counted took 277 us for 64x112x112 by 3x3, reciprocals of it 163; places of the largest 5.6 ms
// element by element, 0.77 for windows side by side.
#include <algorithm>
#include <cstdlib>

#include "parallel.h"
#include "simd.h"

using namespace simd;

struct Shape {
    int64_t planes, h, w, oh, ow, kh, kw, sh, sw, ph, pw;
    int64_t top(int64_t i) const { return std::max<int64_t>(i * sh - ph, 0); }
    int64_t bottom(int64_t i) const { return std::min(i * sh - ph + kh, h); }
    int64_t left(int64_t j) const { return std::max<int64_t>(j * sw - pw, 0); }
    int64_t right(int64_t j) const { return std::min(j * sw - pw + kw, w); }
    int64_t margined() const { return (ow + W) * sw + kw + w + 2 * W; }  // the row with margins, and what is read over
    int64_t grain() const { return (1 << 15) / (ow * kh * sw + 1) + 1; }
};

// Scratch floats; nothing in `data` if there is no memory.
struct Floats {
    float *data;
    explicit Floats(int64_t n, float fill = 0) : data((float *)malloc(size_t(n) * sizeof(float))) {
        if (data) std::fill(data, data + n, fill);
    }
    Floats(const Floats &) = delete;
    ~Floats() { free(data); }
};

struct Largest {
    static constexpr float start = -std::numeric_limits<float>::infinity();
    static vf step(vf a, vf x) { return max_or_nan(a, x); }
};
struct Total {
    static constexpr float start = 0;
    static vf step(vf a, vf x) { return a + x; }
};

template <class T>
inline void store_some_or_all(T *p, int n, vf x) {
    if (n == W)
        store(p, x);
    else
        store_some(p, n, x);
}

inline vf every(const float *p, int64_t stride) {
    if (stride == 1) return load(p);
#if defined(__AVX512F__)
    const vi even = {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30};
#elif defined(__AVX2__)
    const vi even = {0, 2, 4, 6, 8, 10, 12, 14};
#else
    const vi even = {0, 2, 4, 6};
#endif
    if (stride == 2) return __builtin_shuffle(load(p), load(p + W), even);
    float some[W];
    for (int i = 0; i < W; i++) some[i] = p[i * stride];
    return load(some);
}

// Rows from..to of a plane made one: into row[0..w).
template <class Op, class T>
static void down(float *row, const T *x, int64_t w, int64_t from, int64_t to) {
    for (int64_t j = 0; j < w; j += W) {
        int some = int(std::min<int64_t>(w - j, W));
        vf a = splat(Op::start);
        for (int64_t r = from; r < to; r++)
            a = Op::step(a, some == W ? load(x + r * w + j) : load_some(x + r * w + j, some, Op::start));
        store_some_or_all(row + j, some, a);
    }
}

// All lanes made one, in the first of them.
template <class Op, int HALF = W / 2>
inline vf across(vf v) {
    if constexpr (HALF == 0) {
        return v;
    } else {
        vi other;
        for (int i = 0; i < W; i++) other[i] = i ^ HALF;
        return across<Op, HALF / 2>(Op::step(v, __builtin_shuffle(v, other)));
    }
}

// Windows that are a whole plane each: the elements of one side by side.
template <class Op, class T, class End>
static int pool_planes(const T *x, T *y, const Shape &s, int threads, End end) {
    const int64_t size = s.h * s.w;
    parallel_for(s.planes, (1 << 15) / (size + 1) + 1, threads, [=](int64_t begin, int64_t stop) {
        for (int64_t p = begin; p < stop; p++) {
            const T *plane = x + p * size;
            vf a = splat(Op::start), b = a;
            int64_t i = 0;
            for (; i + 2 * W <= size; i += 2 * W) {
                a = Op::step(a, load(plane + i));
                b = Op::step(b, load(plane + i + W));
            }
            for (; i < size; i += W) {
                const int some = int(std::min<int64_t>(size - i, W));
                a = Op::step(a, some == W ? load(plane + i) : load_some(plane + i, some, Op::start));
            }
            y[p] = narrow<T>(end(across<Op>(Op::step(a, b)), 0, 0)[0]);
        }
    });
    return OK;
}

// Every row of windows of every plane; end(result, row, first column) makes the elements of y from a vector.
template <class Op, class T, class End>
static int pool(const T *x, T *y, const Shape &s, int threads, End end) {
    if (s.kh == s.h && s.kw == s.w && s.ph == 0 && s.pw == 0) return pool_planes<Op>(x, y, s, threads, end);
    int fault = OK;
    parallel_for(s.planes * s.oh, s.grain(), threads, [=, &fault](int64_t begin, int64_t stop) {
        Floats row(s.margined(), Op::start);
        if (!row.data) {
#pragma omp atomic write
            fault = NO_MEMORY;
            return;
        }
        for (int64_t each = begin; each < stop; each++) {
            int64_t i = each % s.oh;
            down<Op>(row.data + s.pw, x + each / s.oh * s.h * s.w, s.w, s.top(i), s.bottom(i));
            for (int64_t j = 0; j < s.ow; j += W) {
                vf a = splat(Op::start);
                for (int64_t k = 0; k < s.kw; k++) a = Op::step(a, every(row.data + j * s.sw + k, s.sw));
                store_some_or_all(y + each * s.ow + j, int(std::min<int64_t>(s.ow - j, W)), end(a, i, j));
            }
        }
    });
    return fault;
}

// Where the largest is: the rows of a window stay apart, W windows are walked through together, and what is better than
// the best so far takes its place. The margins, -inf, are no better than anything.
template <class T>
static int largest_with_places(const T *x, T *y, int64_t *indices, const Shape &s, int threads) {
    int fault = OK;
    parallel_for(s.planes * s.oh, s.grain(), threads, [=, &fault](int64_t begin, int64_t stop) {
        const int64_t apart = s.margined();
        Floats rows(s.kh * apart, Largest::start);
        if (!rows.data) {
#pragma omp atomic write
            fault = NO_MEMORY;
            return;
        }
        for (int64_t each = begin; each < stop; each++) {
            const int64_t i = each % s.oh, top = s.top(i), high = s.bottom(i) - top;
            const T *from = x + (each / s.oh * s.h + top) * s.w;
            for (int64_t r = 0; r < high; r++) down<Largest>(rows.data + r * apart + s.pw, from, s.w, r, r + 1);
            for (int64_t j = 0; j < s.ow; j += W) {
                const int some = int(std::min<int64_t>(s.ow - j, W));
                vf most = splat(Largest::start);
                vi row = {}, column = {};  // of the best, within the window
                for (int lane = 0; (j + lane) * s.sw < s.pw && lane < some; lane++)
                    column[lane] = int32_t(s.pw - (j + lane) * s.sw);
                for (int64_t r = 0; r < high; r++)
                    for (int64_t k = 0; k < s.kw; k++) {
                        const vf v = every(rows.data + r * apart + j * s.sw + k, s.sw);
                        const vi kept = (v <= most) | (most != most);  // of NaNs the first
                        most = kept ? most : v;
                        row = kept ? row : splat_int(int32_t(r));
                        column = kept ? column : splat_int(int32_t(k));
                    }
                store_some_or_all(y + each * s.ow + j, some, most);
                for (int lane = 0; lane < some; lane++)
                    indices[each * s.ow + j + lane] =
                        (top + row[lane]) * s.w + (j + lane) * s.sw - s.pw + column[lane];
            }
        }
    });
    return fault;
}

// The sums of a plane's gradient are kept in float32: in place where that is the dtype, else in `apart`.
inline float *sums_of(float *dx, float *, int64_t size) {
    std::fill(dx, dx + size, 0.0f);
    return dx;
}
template <class T>
inline float *sums_of(T *, float *apart, int64_t size) {
    std::fill(apart, apart + size, 0.0f);
    return apart;
}
template <class T>
inline void keep(T *dx, const float *sums, int64_t size) {
    if constexpr (sizeof(T) != sizeof(float))
        for (int64_t i = 0; i < size; i++) dx[i] = narrow<T>(sums[i]);
}

template <class T>
static int to_places(const T *dy, const int64_t *indices, T *dx, int64_t planes, int64_t pooled, int64_t size,
                     int threads) {
    int fault = OK;
    parallel_for(planes, (1 << 15) / (size + 1) + 1, threads, [=, &fault](int64_t begin, int64_t stop) {
        Floats apart(sizeof(T) == sizeof(float) ? 1 : size);
        int found = apart.data ? OK : NO_MEMORY;
        for (int64_t p = begin; p < stop && !found; p++) {
            float *sums = sums_of(dx + p * size, apart.data, size);
            for (int64_t i = p * pooled; i < (p + 1) * pooled && !found; i++)
                if (uint64_t(indices[i]) < uint64_t(size))
                    sums[indices[i]] += widen(dy[i]);
                else
                    found = BAD_INDEX;
            keep(dx + p * size, sums, size);
        }
        if (found)
#pragma omp atomic write
            fault = found;
    });
    return fault;
}

// Each row of shares is spread across once, and added to every row its windows cover.
template <class T>
static int spread(const T *dy, T *dx, const Shape &s, bool count_padding, int threads) {
    int fault = OK;
    parallel_for(s.planes, (1 << 15) / (s.h * s.w + 1) + 1, threads, [=, &fault](int64_t begin, int64_t stop) {
        Floats row(s.w + 1), apart(sizeof(T) == sizeof(float) ? 1 : s.h * s.w);
        if (!row.data || !apart.data) {
#pragma omp atomic write
            fault = NO_MEMORY;
            return;
        }
        for (int64_t p = begin; p < stop; p++) {
            float *sums = sums_of(dx + p * s.h * s.w, apart.data, s.h * s.w);
            for (int64_t i = 0; i < s.oh; i++) {
                int64_t high = s.bottom(i) - s.top(i);
                std::fill(row.data, row.data + s.w, 0.0f);
                for (int64_t j = 0; j < s.ow; j++) {
                    int64_t left = s.left(j), right = s.right(j);
                    float count = float(count_padding ? s.kh * s.kw : high * (right - left));
                    float share = widen(dy[(p * s.oh + i) * s.ow + j]) / count;
                    for (int64_t c = left; c < right; c++) row.data[c] += share;
                }
                for (int64_t r = s.top(i); r < s.bottom(i); r++)
                    for (int64_t c = 0; c < s.w; c++) sums[r * s.w + c] += row.data[c];
            }
            keep(dx + p * s.h * s.w, sums, s.h * s.w);
        }
    });
    return fault;
}

// How many columns of each window are counted.
static void widths(float *found, const Shape &s, bool count_padding) {
    for (int64_t j = 0; j < s.ow; j++) found[j] = float(count_padding ? s.kw : s.right(j) - s.left(j));
}

#define WINDOW int64_t kh, int64_t kw, int64_t sh, int64_t sw, int64_t ph, int64_t pw
#define GIVEN Shape{planes, h, w, oh, ow, kh, kw, sh, sw, ph, pw}
#define SIZES int64_t planes, int64_t h, int64_t w, int64_t oh, int64_t ow
#define GRADIENT_SIZES int64_t planes, int64_t oh, int64_t ow, int64_t h, int64_t w

#define DEFINE(T, DTYPE)                                                                                               \
    KERNEL max_pool2d_v2_rows_##DTYPE(const T *x, T *y, SIZES, WINDOW, int threads) {                                  \
        return pool<Largest>(x, y, GIVEN, threads, [](vf a, int64_t, int64_t) { return a; });                          \
    }                                                                                                                  \
    KERNEL max_pool2d_indices_v2_rows_##DTYPE(const T *x, T *y, int64_t *indices, SIZES, WINDOW, int threads) {        \
        return largest_with_places(x, y, indices, GIVEN, threads);                                                     \
    }                                                                                                                  \
    KERNEL max_pool2d_grad_v2_rows_##DTYPE(const T *dy, const int64_t *indices, T *dx, GRADIENT_SIZES, int threads) {  \
        return to_places(dy, indices, dx, planes, oh *ow, h *w, threads);                                              \
    }                                                                                                                  \
    KERNEL avg_pool2d_v2_rows_##DTYPE(const T *x, T *y, SIZES, WINDOW, int64_t count_padding, int threads) {           \
        const Shape s = GIVEN;                                                                                         \
        Floats wide(s.ow + W, 1);                                                                                      \
        if (!wide.data) return NO_MEMORY;                                                                              \
        widths(wide.data, s, count_padding);                                                                           \
        const float *counts = wide.data;                                                                               \
        Floats parts(s.ow + W, 1);                                                                                     \
        if (!parts.data) return NO_MEMORY;                                                                             \
        for (int64_t j = 0; j < s.ow; j++) parts.data[j] = 1 / (counts[j] * float(s.kh));                              \
        const float *shares = parts.data;                                                                              \
        return pool<Total>(x, y, s, threads, [=](vf a, int64_t i, int64_t j) {                                         \
            const int64_t high = count_padding ? s.kh : s.bottom(i) - s.top(i);                                        \
            return high == s.kh ? a * load(shares + j) : a / (load(counts + j) * float(high));                         \
        });                                                                                                            \
    }                                                                                                                  \
    KERNEL avg_pool2d_grad_v2_rows_##DTYPE(const T *dy, T *dx, GRADIENT_SIZES, WINDOW, int64_t count_padding,          \
                                           int threads) {                                                              \
        return spread(dy, dx, GIVEN, count_padding, threads);                                                          \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
