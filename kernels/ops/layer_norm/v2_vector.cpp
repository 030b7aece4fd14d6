// Vectors; a row comes from memory once and is then worked on in the nearest cache, while the next one is fetched.
// The gradients of weight and bias are summed in the same walk over the rows.
// Learned: a mean in float32 is not the mean: at 1e4 it is off by up to 5e-4. The second pass, which needs the
// distances from it for the variance, sums them as well, and what they sum to puts mean and variance right. What is
// large is written past the caches.
#include "column_sums.h"

using namespace simd;

struct Statistics {
    float mean, rest, rstd;  // the mean is mean + rest, which no single float is

    // From the sums of the distances from `mean` and of their squares.
    Statistics(float about, float distances, float squares, int64_t n, double eps) : mean(about) {
        const double off = distances / double(n), variance = squares / double(n) - off * off;
        rest = float(off);
        rstd = float(1 / sqrt((variance < 0 ? 0 : variance) + eps));
    }
};

template <class T>
static float mean_of(const T *x, int64_t n) {
    return sum(fold(n, Sum{}, [=](Sum &a, int64_t j, auto lanes) { a.value += get(x + j, lanes, 0); }).value) /
           float(n);
}

template <bool FAR, class T>
static Statistics forward(const T *x, const T *weight, const T *bias, T *y, int64_t n, double eps, Seam &seam) {
    const float mean = mean_of(x, n);
    const int64_t ahead = next_row<T>(n) * sizeof(T);
    const Sums part = fold(n, Sums{}, [=](Sums &a, int64_t j, auto lanes) {
        fetch_ahead(x + j, ahead);
        if (!FAR) fetch(y + j);
        const vf distance = get(x + j, lanes, mean) - mean;
        a.first += distance;
        a.second += distance * distance;
    });
    const Statistics row(mean, sum(part.first), sum(part.second), n, eps);
    put_row<FAR>(y, n, seam, [=](int64_t j, auto lanes) {
        vf value = rounded((get(x + j, lanes, 0) - row.mean - row.rest) * row.rstd);
        if (weight) value = rounded(value * get(weight + j, lanes, 0));
        if (bias) value += get(bias + j, lanes, 0);
        return value;
    });
    return row;
}

// `sums` has n for the weight and n for the bias, or is NULL.
template <bool FAR, class T>
static void backward(const T *dy, const T *x, const T *weight, T *dx, float *sums, int64_t n, double eps,
                     Seam &seam) {
    const float mean = mean_of(x, n);
    const int64_t ahead = next_row<T>(n) * sizeof(T);
    vf distances = {}, squares = {}, total = {}, dot = {};
    each_vector(n, [&](int64_t j, auto lanes) {
        fetch_ahead(x + j, ahead);
        fetch_ahead(dy + j, ahead);
        if (!FAR) fetch(dx + j);
        const vf distance = get(x + j, lanes, mean) - mean;
        vf g = get(dy + j, lanes, 0);
        if (weight) g *= get(weight + j, lanes, 0);
        distances += distance;
        squares += distance * distance;
        total += g;
        dot += g * distance;
    });
    const Statistics row(mean, sum(distances), sum(squares), n, eps);
    const float mean_g = sum(total) / float(n);
    const float mean_dot = (sum(dot) / float(n) - row.rest * mean_g) * row.rstd;
    put_row<FAR>(dx, n, seam, [=](int64_t j, auto lanes) {
        const vf normal = rounded((get(x + j, lanes, 0) - row.mean - row.rest) * row.rstd);
        const vf d = get(dy + j, lanes, 0);
        const vf g = weight ? rounded(d * get(weight + j, lanes, 0)) : d;
        if (sums) {
            put(sums + j, lanes, get(sums + j, lanes, 0) + rounded(d * normal));
            put(sums + n + j, lanes, get(sums + n + j, lanes, 0) + d);
        }
        return (g - mean_g - rounded(normal * mean_dot)) * row.rstd;
    });
}

template <class T>
static int forward_all(const T *x, const T *weight, const T *bias, T *y, float *mean, float *rstd, int64_t rows,
                       int64_t n, double eps, int threads) {
    const bool past = far(rows, n, y, x);
    return each_row(rows, n, threads, [=](int64_t i, Seam &seam) {
        const Statistics row = past ? forward<true>(x + i * n, weight, bias, y + i * n, n, eps, seam)
                                    : forward<false>(x + i * n, weight, bias, y + i * n, n, eps, seam);
        if (mean) mean[i] = row.rest == row.rest ? row.mean + row.rest : row.mean;  // which may be infinite
        if (rstd) rstd[i] = row.rstd;
    });
}

template <bool FAR, class T>
static int backward_all(const T *dy, const T *x, const T *weight, T *dx, T *dweight, T *dbias, int64_t rows,
                        int64_t n, double eps, int threads) {
    if (!dweight && !dbias)
        return each_row(rows, n, threads, [=](int64_t i, Seam &seam) {
            backward<FAR>(dy + i * n, x + i * n, weight, dx + i * n, nullptr, n, eps, seam);
        });
    const auto add = [=](int64_t from, int64_t to, float *sums) {
        Seam seam;
        for (int64_t i = from; i < to; i++)
            backward<FAR>(dy + i * n, x + i * n, weight, dx + i * n, sums, n, eps, seam);
    };
    return column_sums(rows, n, 2 * n, threads, FAR ? dx : nullptr, add, [=](const float *sums) {
        each_vector(n, [=](int64_t j, auto lanes) {
            if (dweight) put(dweight + j, lanes, get(sums + j, lanes, 0));
            if (dbias) put(dbias + j, lanes, get(sums + n + j, lanes, 0));
        });
    });
}

#define DEFINE(T, NAME)                                                                                         \
    KERNEL layer_norm_v2_vector_##NAME(const T *x, const T *weight, const T *bias, T *y, float *mean,           \
                                       float *rstd, int64_t rows, int64_t n, double eps, int threads) {         \
        return forward_all(x, weight, bias, y, mean, rstd, rows, n, eps, threads);                              \
    }                                                                                                           \
    KERNEL layer_norm_grad_v2_vector_##NAME(const T *dy, const T *x, const T *weight, T *dx, T *dweight,        \
                                            T *dbias, int64_t rows, int64_t n, double eps, int threads) {       \
        const auto run = far(rows, n, dx, x) && dx != dy ? backward_all<true, T> : backward_all<false, T>;      \
        return run(dy, x, weight, dx, dweight, dbias, rows, n, eps, threads);                                   \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
