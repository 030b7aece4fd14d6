// The gradient by rows of the table: indices are counted and put in order of their row (stably), then each row is
// summed in registers, in float32, and written once.
// Learned: sorting 4096 indices is nothing beside the rows they stand for; it gives threads rows of their own, so
// that no two add to the same one, and 16-bit results are rounded once instead of at each addition.
#include <cstdlib>
#include <cstring>

#include "parallel.h"
#include "simd.h"

using namespace simd;

constexpr int GROUP = 4;  // vectors summed side by side

// Columns [j, j + count * W) of the sum over the rows `which[0..many)` of dy.
template <int count, class T>
static void sum_columns(const T *dy, const int64_t *which, int64_t many, int64_t d, int64_t j, T *y) {
    vf total[count];
    for (int c = 0; c < count; c++) total[c] = load(dy + which[0] * d + j + c * W);
    for (int64_t i = 1; i < many; i++)
        for (int c = 0; c < count; c++) total[c] += load(dy + which[i] * d + j + c * W);
    for (int c = 0; c < count; c++) store(y + j + c * W, total[c]);
}

template <class T>
static void sum_rows(const T *dy, const int64_t *which, int64_t many, int64_t d, T *y) {
    if (many == 0) {
        memset(y, 0, d * sizeof(T));
        return;
    }
    int64_t j = 0;
    for (; j + GROUP * W <= d; j += GROUP * W) sum_columns<GROUP>(dy, which, many, d, j, y);
    for (; j + W <= d; j += W) sum_columns<1>(dy, which, many, d, j, y);
    if (int rest = int(d - j)) {
        vf total = load_some(dy + which[0] * d + j, rest, 0);
        for (int64_t i = 1; i < many; i++) total += load_some(dy + which[i] * d + j, rest, 0);
        store_some(y + j, rest, total);
    }
}

// Afterwards the places of row r are order[end[r - 1]] to order[end[r]], in the order they had; `end` has one more
// element than there are rows.
template <class I>
static void sort_places(const I *indices, int64_t n, int64_t rows, int64_t *end, int64_t *order) {
    memset(end, 0, (rows + 1) * sizeof *end);
    for (int64_t i = 0; i < n; i++) end[indices[i] + 1]++;
    for (int64_t r = 0; r < rows; r++) end[r + 1] += end[r];  // for now where each begins
    for (int64_t i = 0; i < n; i++) order[end[indices[i]]++] = i;
}

template <class T, class I>
static int scatter(
    const T *dy, const I *indices, T *dtable, int64_t n, int64_t d, int64_t rows, int64_t padding_idx,
    int threads) {
    bool outside = false;
    for (int64_t i = 0; i < n; i++) outside |= indices[i] < 0 || indices[i] >= rows;
    if (outside) return BAD_INDEX;
    int64_t *end = (int64_t *)malloc((rows + 1 + n) * sizeof *end);
    if (!end) return NO_MEMORY;
    int64_t *order = end + rows + 1;
    sort_places(indices, n, rows, end, order);
    parallel_for(rows, 32768 / (d + 1) + 1, threads, [=](int64_t from, int64_t to) {
        for (int64_t r = from; r < to; r++) {
            int64_t begin = r ? end[r - 1] : 0;
            sum_rows(dy, order + begin, r == padding_idx ? 0 : end[r] - begin, d, dtable + r * d);
        }
    });
    free(end);
    return OK;
}

#define DEFINE(T, DTYPE, INDEX, NAME)                                                                       \
    KERNEL embedding_grad_v2_sorted_##DTYPE##_##NAME(                                                       \
        const T *dy, const INDEX *indices, T *dtable, int64_t n, int64_t d, int64_t rows,                   \
        int64_t padding_idx, int threads) {                                                                 \
        return scatter(dy, indices, dtable, n, d, rows, padding_idx, threads);                              \
    }
DEFINE(float, f32, int64_t, i64)
DEFINE(float, f32, int32_t, i32)
DEFINE(bf16, bf16, int64_t, i64)
DEFINE(bf16, bf16, int32_t, i32)
DEFINE(f16, f16, int64_t, i64)
DEFINE(f16, f16, int32_t, i32)
