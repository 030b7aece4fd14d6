// Vectors; a row comes from memory once and is then worked on in the nearest cache, while the next one is fetched.
// The gradient of the weight is summed in the same walk over the rows.
// Learned: written as one operator instead of a chain of them (square, mean, root, product), it takes what a copy
// takes: everything but reading and writing each element once was traffic between the links of the chain. What will
// be written is fetched while the row is read for the first time, or is written past the caches where it is large.
#include "column_sums.h"

using namespace simd;

static float reciprocal_root(float squares, int64_t n, double eps) {
    return float(1 / sqrt(squares / double(n) + eps));
}

template <bool FAR, class T>
static float forward(const T *x, const T *weight, T *y, int64_t n, double eps, Seam &seam) {
    const int64_t ahead = next_row<T>(n) * sizeof(T);
    const Sum squares = fold(n, Sum{}, [=](Sum &a, int64_t j, auto lanes) {
        if (!FAR) fetch(y + j);
        const vf value = get(x + j, lanes, 0);
        a.value += value * value;
    });
    const float rstd = reciprocal_root(sum(squares.value), n, eps);
    put_row<FAR>(y, n, seam, [=](int64_t j, auto lanes) {
        fetch_ahead(x + j, ahead);
        const vf value = get(x + j, lanes, 0) * rstd;
        return weight ? value * get(weight + j, lanes, 0) : value;
    });
    return rstd;
}

// `sums` has n for the weight, or is NULL.
template <bool FAR, class T>
static void backward(const T *dy, const T *x, const T *weight, T *dx, float *sums, int64_t n, double eps,
                     Seam &seam) {
    const int64_t ahead = next_row<T>(n) * sizeof(T);
    const Sums part = fold(n, Sums{}, [=](Sums &a, int64_t j, auto lanes) {
        if (!FAR) fetch(dx + j);
        const vf value = get(x + j, lanes, 0), d = get(dy + j, lanes, 0);
        a.first += value * value;
        a.second += value * (weight ? d * get(weight + j, lanes, 0) : d);
    });
    const float rstd = reciprocal_root(sum(part.first), n, eps);
    const float mean_dot = sum(part.second) * rstd / float(n);
    put_row<FAR>(dx, n, seam, [=](int64_t j, auto lanes) {
        fetch_ahead(x + j, ahead);
        fetch_ahead(dy + j, ahead);
        const vf normal = rounded(get(x + j, lanes, 0) * rstd), d = get(dy + j, lanes, 0);
        const vf g = weight ? rounded(d * get(weight + j, lanes, 0)) : d;
        if (sums) put(sums + j, lanes, get(sums + j, lanes, 0) + rounded(d * normal));
        return (g - rounded(normal * mean_dot)) * rstd;
    });
}

template <bool FAR, class T>
static int backward_all(const T *dy, const T *x, const T *weight, T *dx, T *dweight, int64_t rows, int64_t n,
                        double eps, int threads) {
    if (!dweight)
        return each_row(rows, n, threads, [=](int64_t i, Seam &seam) {
            backward<FAR>(dy + i * n, x + i * n, weight, dx + i * n, nullptr, n, eps, seam);
        });
    const auto add = [=](int64_t from, int64_t to, float *sums) {
        Seam seam;
        for (int64_t i = from; i < to; i++)
            backward<FAR>(dy + i * n, x + i * n, weight, dx + i * n, sums, n, eps, seam);
    };
    return column_sums(rows, n, n, threads, FAR ? dx : nullptr, add, [=](const float *sums) {
        each_vector(n, [=](int64_t j, auto lanes) { put(dweight + j, lanes, get(sums + j, lanes, 0)); });
    });
}

#define DEFINE(T, NAME)                                                                                        \
    KERNEL rms_norm_v2_vector_##NAME(const T *x, const T *weight, T *y, float *rstd, int64_t rows, int64_t n,  \
                                     double eps, int threads) {                                                \
        const bool past = far(rows, n, y, x);                                                                  \
        return each_row(rows, n, threads, [=](int64_t i, Seam &seam) {                                         \
            const float r = past ? forward<true>(x + i * n, weight, y + i * n, n, eps, seam)                   \
                                 : forward<false>(x + i * n, weight, y + i * n, n, eps, seam);                 \
            if (rstd) rstd[i] = r;                                                                             \
        });                                                                                                    \
    }                                                                                                          \
    KERNEL rms_norm_grad_v2_vector_##NAME(const T *dy, const T *x, const T *weight, T *dx, T *dweight,         \
                                          int64_t rows, int64_t n, double eps, int threads) {                  \
        const auto run = far(rows, n, dx, x) && dx != dy ? backward_all<true, T> : backward_all<false, T>;     \
        return run(dy, x, weight, dx, dweight, rows, n, eps, threads);                                         \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
