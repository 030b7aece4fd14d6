// Where the rows of y begin anywhere in a line, a panel of x, as wide as a line, is turned some rows at a time into the
// nearest cache; from there each row of y is written in whole lines, past the caches, while the next rows of x are
// fetched. A line of y that two such blocks share is turned again by the second, and written by it.
// Learned: no tile fills lines of y there, but a copy of some KiB does; and reading and writing should go on at the same
// time, so the blocks are small and each line written has one fetched (1000x4000: 2.9 ms in bands, 2.4 to 2.2 with a
// panel's whole height in the second cache, 1.8 with 128 rows; a copy takes 1.3 to 1.9). Where rows begin alike, tiles
// go past the caches themselves, without the copy (2048x2048: 2.2 against 4.4; from 8 MiB on: 64 of 512x64 went from 1.07
// of onnxruntime's speed to 1.75).
// The lines in which rows of y begin and end are fetched a panel ahead: so 1000x4000 takes 0.80 ms on a Zen 4, and 0.90
// without.
#include "bands.h"

template <class T> constexpr int64_t LINE = 64 / sizeof(T);
template <class T> constexpr int64_t HEIGHT = 8 * LINE<T>;             // rows of x in a block
template <class T> constexpr int64_t STRIDE = HEIGHT<T> + LINE<T>;     // an odd number of lines: rows do not collide

static inline void put_line_past(char *to, const char *from) {
    for (size_t i = 0; i < 64; i += sizeof(vec)) {
        vec v;
        memcpy(&v, from + i, sizeof v);
        put_past(to + i, v);
    }
}

// Turn rows top..bottom (ROWS<T> of them or more), of columns left..right (whole tiles), into `block`.
template <class T>
static inline void turn_block(
    const T *x, int64_t n, int64_t top, int64_t bottom, int64_t left, int64_t right, T *block) {
    const auto at = [&](int64_t i) {
        for (int64_t j = left; j < right; j += COLUMNS<T>)
            tile<T, false>(x + i * n + j, n, block + (j - left) * STRIDE<T> + i - top, STRIDE<T>);
    };
    int64_t i = top;
    for (; i + ROWS<T> <= bottom; i += ROWS<T>) at(i);
    if (i < bottom) at(bottom - ROWS<T>);
}

// Columns left..right of x, all m rows, m > HEIGHT<T>.
template <class T>
static void panel(const T *x, T *y, int64_t m, int64_t n, int64_t left, int64_t right) {
    alignas(64) T block[LINE<T> * STRIDE<T>];
    // Rows of y begin in the middle of a line, which has to be there: what is written past the caches would wait for it.
    for (int64_t j = left; j < right; j++) __builtin_prefetch(y + (j + LINE<T>) * m);
    for (int64_t top = 0, bottom = 0; bottom < m; top = bottom - LINE<T>) {
        bottom = std::min(top + HEIGHT<T>, m);
        turn_block(x, n, top, bottom, left, right, block);
        // The last column of the rows that come next: what lies before it in its line has come already.
        const T *next = bottom < m ? x + bottom * n + right - 1 : x + std::min(right + LINE<T>, n) - 1;
        const T *end = next + (bottom < m ? std::min(HEIGHT<T> - LINE<T>, m - bottom) : HEIGHT<T>) * n;
        for (int64_t j = left; j < right; j++) {
            T *to = y + j * m;
            const T *from = block + (j - left) * STRIDE<T> - top;
            int64_t i = top + int64_t(-uintptr_t(to + top) % 64 / sizeof(T));
            if (top == 0)
                memcpy(to, from, size_t(i) * sizeof(T));
            else if (i == top)  // the block before wrote this line
                i += LINE<T>;
            for (; i + LINE<T> <= bottom; i += LINE<T>) {
                if (next < end) __builtin_prefetch(next);
                next += n;
                put_line_past((char *)(to + i), (const char *)(from + i));
            }
            if (bottom == m) memcpy(to + i, from + i, size_t(m - i) * sizeof(T));
        }
    }
}

template <class T>
static int in_panels(const T *x, T *y, int64_t batch, int64_t m, int64_t n, int threads) {
    const int64_t whole = n / COLUMNS<T> * COLUMNS<T>;
    // Panels end where lines of x do, if tiles can.
    int64_t first = int64_t(-uintptr_t(x) % 64 / sizeof(T));
    if (first % (COLUMNS<T>)) first = 0;
    const int64_t panels = (whole - first + LINE<T> - 1) / LINE<T> + 1;
    parallel_for(batch * panels, 1, threads, [=](int64_t begin, int64_t end) {
        for (int64_t each = begin; each < end; each++) {
            const int64_t at = each / panels * m * n, right = first + each % panels * LINE<T>;
            const int64_t left = std::max<int64_t>(right - LINE<T>, 0);
            if (left < right) panel(x + at, y + at, m, n, left, std::min(right, whole));
            if (each % panels == panels - 1)
                for (int64_t j = whole; j < n; j++)
                    for (int64_t i = 0; i < m; i++) y[at + j * m + i] = x[at + i * n + j];
        }
        _mm_sfence();
    });
    return OK;
}

// Where there is enough of it, and the rows of x neither lie so close together that bands read whole pages, nor so far
// apart, in even steps, that those of a block share too few places in the nearest cache (20001x256: 3.2 against 5.2).
template <class T>
static int all(const T *x, T *y, int64_t batch, int64_t m, int64_t n, int threads) {
    const int64_t row = n * int64_t(sizeof(T));
    const bool suits = batch * m * row >= 4 << 20 && m > HEIGHT<T> && row >= 1024 && row % 256 != 0;
    if (suits && !alike<T>(m)) return in_panels(x, y, batch, m, n, threads);
    return in_bands(x, y, batch, m, n, threads);
}

#define DEFINE(T, DTYPE)                                                                                        \
    KERNEL transpose_v4_panels_##DTYPE(const T *x, T *y, int64_t batch, int64_t m, int64_t n, int threads) {    \
        return all(x, y, batch, m, n, threads);                                                                 \
    }
DEFINE(uint32_t, f32)
DEFINE(uint32_t, i32)
DEFINE(uint16_t, bf16)
DEFINE(uint16_t, f16)
DEFINE(uint64_t, i64)
DEFINE(uint8_t, i8)
DEFINE(uint8_t, u8)
