// The way from memory and the arithmetic at the same time. Short rows: while the exponentials of a row are
// computed, the largest element of the next is sought; they wait in the nearest cache, in float32, until their sum
// is known. Long rows: maximum and sum in one reading, by blocks.
// Learned: memory stands idle while a row in the cache is worked on, unless something asks for the next one. Of
// 4096 x 1024 floats, 16 bytes off a line as NumPy has them, a row took 507 ns with the next one fetched, and 332
// with its maximum taken on the way; copying one took 316.
#include "exp_sum.h"

using namespace simd;

static const float INF = std::numeric_limits<float>::infinity();
constexpr int64_t SHORT = 4096;  // elements

// While a row is worked on, the largest element of the next one is sought, and the one behind that is fetched.
template <class T>
static void softmax_short(const T *x, T *y, int64_t rows, int64_t n) {
    alignas(64) float room[sizeof(T) == 4 ? 1 : SHORT];
    const int64_t ahead = ASKS_AHEAD ? next_row<T>(n) : 0;
    float top = rows ? largest(x, n) : 0;
    for (int64_t i = 0; i < rows; i++, x += n, y += n) {
        const T *next = i + 1 < rows ? x + n : x;
        float *held = room;
        if constexpr (sizeof(T) == 4) held = y;
        Sum total;
        Largest coming;
        each_vector(n, [&](int64_t j, auto lanes) {
            fetch(x + j + n + ahead);
            fetch(y + j + ahead);
            coming.value = max(get(next + j, lanes, -INF), coming.value);
            vf e = exp_below(get(x + j, lanes, -INF) - top);
            total.value += e;
            put(held + j, lanes, e);
        });
        top = max_of(coming.value);
        const float scale = 1 / sum(total.value);
        each_vector(n, [&](int64_t j, auto lanes) { put(y + j, lanes, get(held + j, lanes, 0) * scale); });
    }
}

template <class T>
static void softmax_long(const T *x, T *y, int64_t n) {
    const ExpSum all = exp_sum(x, n);
    const float scale = 1 / all.sum;
    const int64_t ahead = next_row<T>(n, 524288);
    each_vector(n, [&](int64_t j, auto lanes) {
        fetch_near(x + j + ahead);
        put(y + j, lanes, exp_below(get(x + j, lanes, -INF) - all.top) * scale);
    });
}

template <class T>
static int softmax(const T *x, T *y, int64_t rows, int64_t n, int threads) {
    if (n > SHORT) return each_row(rows, n, threads, [=](int64_t i) { softmax_long(x + i * n, y + i * n, n); });
    parallel_for(rows, 65536 / (n + 1) + 1, threads,
                 [=](int64_t from, int64_t to) { softmax_short(x + from * n, y + from * n, to - from, n); });
    return OK;
}

template <class T>
static void log_softmax(const T *x, T *y, int64_t n) {
    const ExpSum all = exp_sum(x, n);
    const float shift = logf(all.sum);
    const int64_t ahead = ASKS_AHEAD ? next_row<T>(n) : 0;
    each_vector(n, [&](int64_t j, auto lanes) {
        fetch(y + j + ahead);
        put(y + j, lanes, (get(x + j, lanes, 0) - all.top) - shift);
    });
}

template <class T>
static int log_softmax(const T *x, T *y, int64_t rows, int64_t n, int threads) {
    return each_row(rows, n, threads, [=](int64_t i) { log_softmax(x + i * n, y + i * n, n); });
}

#define DEFINE(OP, T, NAME)                                                                    \
    KERNEL OP##_v3_overlapped_##NAME(const T *x, T *y, int64_t rows, int64_t n, int threads) { \
        return OP(x, y, rows, n, threads);                                                     \
    }
DEFINE(softmax, float, f32)
DEFINE(softmax, bf16, bf16)
DEFINE(softmax, f16, f16)
DEFINE(log_softmax, float, f32)
DEFINE(log_softmax, bf16, bf16)
DEFINE(log_softmax, f16, f16)
