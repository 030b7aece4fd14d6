// Whole rows copied; which dtype they are of does not matter. All indices are checked before the first copy.
// Learned: rows lie anywhere, so the processor cannot foresee the next one; asking for its start while this one
// is copied hides most of the wait.
#include <cstring>

#include "parallel.h"
#include "simd.h"

constexpr int64_t LINE = 64, AHEAD = 4;  // bytes of a cache line; how many of a row are asked for

template <class I>
static int gather(
    const char *table, const I *indices, char *y, int64_t rows, int64_t n, int64_t bytes, int threads) {
    bool outside = false;
    for (int64_t i = 0; i < n; i++) outside |= indices[i] < 0 || indices[i] >= rows;
    if (outside) return BAD_INDEX;
    parallel_for(n, 131072 / (bytes + 1) + 1, threads, [=](int64_t from, int64_t to) {
        for (int64_t i = from; i < to; i++) {
            if (i + 1 < to) {
                const char *next = table + indices[i + 1] * bytes;
                for (int64_t at = 0; at < bytes && at < AHEAD * LINE; at += LINE) __builtin_prefetch(next + at);
            }
            memcpy(y + i * bytes, table + indices[i] * bytes, bytes);
        }
    });
    return OK;
}

#define DEFINE(T, DTYPE, INDEX, NAME)                                                                       \
    KERNEL embedding_v2_copy_##DTYPE##_##NAME(                                                              \
        const char *table, const INDEX *indices, char *y, int64_t rows, int64_t d, int64_t n,               \
        int threads) {                                                                                      \
        return gather(table, indices, y, rows, n, d * int64_t(sizeof(T)), threads);                         \
    }
DEFINE(float, f32, int64_t, i64)
DEFINE(float, f32, int32_t, i32)
DEFINE(simd::bf16, bf16, int64_t, i64)
DEFINE(simd::bf16, bf16, int32_t, i32)
DEFINE(simd::f16, f16, int64_t, i64)
DEFINE(simd::f16, f16, int32_t, i32)
