// Vectors with our own exponential; three passes, of which only the first comes from memory: a row stays in the
// nearest cache. The gradients are two passes: the sum that a row shares, then the elements.
// Learned: exp in 16 lanes costs less than the row's way from memory, so a 16-bit row computes it twice rather
// than round the exponential before it is divided. The gradients have so little to compute that nothing beyond
// this version is to be had for them.
#include "rows.h"

using namespace simd;

static const float INF = std::numeric_limits<float>::infinity();

template <class T>
static void softmax(const T *x, T *y, int64_t n) {
    const float top = largest(x, n);
    const Sum total = fold(n, Sum{}, [=](Sum &a, int64_t j, auto lanes) {
        vf e = exp(get(x + j, lanes, -INF) - top);
        a.value += e;
        if constexpr (sizeof(T) == 4) put(y + j, lanes, e);
    });
    const float scale = 1 / sum(total.value);
    each_vector(n, [&](int64_t j, auto lanes) {
        if constexpr (sizeof(T) == 4)
            put(y + j, lanes, get(y + j, lanes, 0) * scale);
        else
            put(y + j, lanes, exp(get(x + j, lanes, -INF) - top) * scale);
    });
}

template <class T>
static void log_softmax(const T *x, T *y, int64_t n) {
    const float top = largest(x, n);
    const Sum total =
        fold(n, Sum{}, [=](Sum &a, int64_t j, auto lanes) { a.value += exp(get(x + j, lanes, -INF) - top); });
    const float shift = logf(sum(total.value));
    each_vector(n, [&](int64_t j, auto lanes) { put(y + j, lanes, (get(x + j, lanes, 0) - top) - shift); });
}

template <class T>
static void softmax_grad(const T *dy, const T *y, T *dx, int64_t n) {
    Sum part = fold(n, Sum{}, [=](Sum &a, int64_t j, auto lanes) {
        a.value += get(dy + j, lanes, 0) * get(y + j, lanes, 0);
    });
    const float dot = sum(part.value);
    const int64_t ahead = ASKS_AHEAD ? next_row<T>(n) : 0;
    each_vector(n, [&](int64_t j, auto lanes) {
        fetch(y + j + ahead);
        fetch(dy + j + ahead);
        put(dx + j, lanes, get(y + j, lanes, 0) * (get(dy + j, lanes, 0) - dot));
    });
}

template <class T>
static void log_softmax_grad(const T *dy, const T *y, T *dx, int64_t n) {
    Sum part = fold(n, Sum{}, [=](Sum &a, int64_t j, auto lanes) { a.value += get(dy + j, lanes, 0); });
    const float total = sum(part.value);
    const int64_t ahead = ASKS_AHEAD ? next_row<T>(n) : 0;
    each_vector(n, [&](int64_t j, auto lanes) {
        fetch(y + j + ahead);
        fetch(dy + j + ahead);
        put(dx + j, lanes, get(dy + j, lanes, 0) - exp(get(y + j, lanes, 0)) * total);
    });
}

#define FORWARD(OP, T, NAME)                                                                   \
    KERNEL OP##_v2_vector_##NAME(const T *x, T *y, int64_t rows, int64_t n, int threads) {     \
        return each_row(rows, n, threads, [=](int64_t i) { OP(x + i * n, y + i * n, n); });    \
    }
#define BACKWARD(OP, T, NAME)                                                                                    \
    KERNEL OP##_v2_vector_##NAME(const T *dy, const T *y, T *dx, int64_t rows, int64_t n, int threads) {         \
        return each_row(rows, n, threads, [=](int64_t i) { OP(dy + i * n, y + i * n, dx + i * n, n); });         \
    }
#define ALL(T, NAME)                  \
    FORWARD(softmax, T, NAME)         \
    FORWARD(log_softmax, T, NAME)     \
    BACKWARD(softmax_grad, T, NAME)   \
    BACKWARD(log_softmax_grad, T, NAME)
ALL(float, f32)
ALL(bf16, bf16)
ALL(f16, f16)
