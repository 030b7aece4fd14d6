// A group of threads to a row. The loss reads the logits once, keeping maximum and sum together; the gradient keeps
// the row in registers, or reads it again where it is too long (`_long`) or 16 bytes do not divide it (`_odd`).
// Learned: nothing of the size of the logits is written but the gradient, and that may go where the logits are: the
// label's logit is read before anything is written.
#include "kernel.cuh"
#include "reduce.cuh"
#include "row.cuh"

constexpr int HELD = 4;

// Maximum and sum of exp(x - maximum) together: when the maximum grows, what was summed is scaled down.
template <class Values, class T>
DEVICE void shift_and_sum(const Values &row, const T *x, i64 n, float &top, float &sum) {
    constexpr int N = Values::N;
    float most = -INF, total = 0;
    row.each(x, n, [&](i64, const float(&v)[N]) {
        float larger = most;
#pragma unroll
        for (int e = 0; e < N; e++) larger = fmaxf(larger, v[e]);
        if (larger > most) {
            total *= most == -INF ? 1.0f : exp_for<T>(most - larger);  // nothing yet, or a NaN to be kept
            most = larger;
        }
#pragma unroll
        for (int e = 0; e < N; e++) total += v[e] == -INF && most == -INF ? 0.0f : exp_for<T>(v[e] - most);
    });
    top = group_max(most);
    sum = group_sum(most == -INF && total == 0 && top > -INF ? 0.0f : total * exp_for<T>(most - top));
}

// A label that is neither in range nor ignored makes the loss NaN: a card cannot refuse mid-way.
template <class T>
DEVICE float loss_of(const T *x, i64 target, i64 n, i64 ignored, float top, float sum) {
    if (target == ignored) return 0;
    return target >= 0 && target < n ? logf(sum) - (widen(x[target]) - top) : INF - INF;
}

template <class Values, class T, class I>
DEVICE void forward(const T *logits, const I *targets, float *loss, i64 rows, i64 n, i64 ignored) {
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const T *x = logits + i * n;
        float top, sum;
        shift_and_sum(Values(x, n), x, n, top, sum);
        if (threadIdx.x == 0) loss[i] = loss_of(x, targets[i], n, ignored, top, sum);
    }
}

template <class Values, class T, class I>
DEVICE void backward(const T *logits, const I *targets, const float *dloss, T *dlogits, float *loss, i64 rows, i64 n,
                     i64 ignored) {
    constexpr int N = Values::N;
    for (i64 i = first_row(); i < rows; i += row_stride()) {
        const T *x = logits + i * n;
        T *dx = dlogits + i * n;
        const i64 target = targets[i];
        const Values row(x, n);
        float top, sum;
        shift_and_sum(row, x, n, top, sum);
        const float value = loss_of(x, target, n, ignored, top, sum);
        if (threadIdx.x == 0 && loss) loss[i] = value;
        const bool inside = target >= 0 && target < n;
        const float weight = target == ignored ? 0 : inside ? dloss ? dloss[i] : 1 : INF - INF, scale = 1 / sum;
        group_sync();  // all have read the label's logit
        row.each(x, n, [&](i64 j, const float(&v)[N]) {
            float d[N];
#pragma unroll
            for (int e = 0; e < N; e++)
                d[e] = target == ignored ? 0 : (exp_for<T>(v[e] - top) * scale - (j + e == target ? 1 : 0)) * weight;
            put<T, N>(dx + j, d);
        });
    }
}

#define FORWARD(SUFFIX, T, I, NAME, ...)                                                                         \
    KERNEL(1024) cross_entropy_v2_group_##NAME##SUFFIX(const T *logits, const I *targets, float *loss, i64 rows, \
                                                       i64 n, i64 ignore_index) {                                \
        forward<__VA_ARGS__>(logits, targets, loss, rows, n, ignore_index);                                      \
    }
#define BACKWARD(SUFFIX, T, I, NAME, ...)                                                                        \
    KERNEL(1024) cross_entropy_grad_v2_group_##NAME##SUFFIX(const T *logits, const I *targets,                   \
                                                            const float *dloss, T *dlogits, float *loss,         \
                                                            i64 rows, i64 n, i64 ignore_index) {                 \
        backward<__VA_ARGS__>(logits, targets, dloss, dlogits, loss, rows, n, ignore_index);                     \
    }
#define DEFINE(T, I, NAME)                              \
    FORWARD(_long, T, I, NAME, Streamed<T, V<T>>)       \
    FORWARD(_odd, T, I, NAME, Streamed<T, 1>)           \
    BACKWARD(, T, I, NAME, Held<T, V<T>, HELD>)         \
    BACKWARD(_long, T, I, NAME, Streamed<T, V<T>>)      \
    BACKWARD(_odd, T, I, NAME, Streamed<T, 1>)
DEFINE(float, i64, f32_i64)
DEFINE(bf16, i64, bf16_i64)
DEFINE(f16, i64, f16_i64)
DEFINE(float, int, f32_i32)
DEFINE(bf16, int, bf16_i32)
DEFINE(f16, int, f16_i32)
