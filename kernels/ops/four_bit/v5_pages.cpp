// Lines as in v4, of four pages of y in turn: of two past the caches, of two into them.
// Learned: what goes past the caches waits for the few buffers of lines that a core has (storing zeros: 16 GB/s); what
// goes into them is fetched first, by more requests than those, if the lines are asked for early (12 GB/s, and 24 where
// the last cache holds them). With both at once 4096x4096 in float32 takes 3.8 to 4.6 ms, where v4 takes 4.4 to 5.7.
// Pages, because the processor fetches the neighbours of a line that it misses. In 16 bits v4 is as quick. All that was
// on a Xeon with AMX. A Zen 4 writes at 28 GB/s whichever way, and lines that were fetched to be written come on top:
// there v4 takes 2.5 ms, where storing zeros takes 2.4, and this 3.5.
#include "lines.h"

constexpr int64_t PAGE = 4096, PAGES = 4, PAST = 2, RUN = 1024;  // bytes; of each four pages; bytes at a time
static_assert(AHEAD == PAGES * PAGE);

// As `write`, whole groups of pages alone.
template <class T>
static int64_t write_pages(const Lines<T> &lines, int64_t from, int64_t to) {
    constexpr int64_t SIZE = sizeof(T), COUNT = RUN / SIZE;
    int64_t i = from;
    for (; i + PAGES * PAGE / SIZE <= to; i += PAGES * PAGE / SIZE)
        for (int64_t run = 0; run < PAGE / RUN; run++)
            for (int64_t page = 0; page < PAGES; page++) {
                const int64_t at = i + page * PAGE / SIZE + run * COUNT;
                page < PAST ? lines.template write<Way::PAST>(at, at + COUNT)
                            : lines.template write<Way::FETCHED>(at, at + COUNT);
            }
    return i;
}

template <class T>
static int dequantize(const uint8_t *packed, const float *values, const Scales &scales, T *y, int64_t n,
                      int64_t blocksize, int threads) {
    const int64_t before = -int64_t((uintptr_t)y / sizeof(T)) & (Codes<T>::COUNT - 1);
    if (before % 2) return streamed(packed, values, scales, y, n, blocksize, threads);  // lines begin within a byte
    const bool far = n * int64_t(sizeof(T)) > FAR_BYTES;
    const int64_t blocks = (n + blocksize - 1) / blocksize;
    parallel_for(blocks, 16384 / blocksize + 1, threads, [=](int64_t begin, int64_t end) {
        const Table table(values);
        const Lines<T> lines(packed, table, scales, y, blocksize);
        const int64_t from = begin * blocksize, to = std::min(end * blocksize, n);
        int64_t i = std::min(from + (-int64_t((uintptr_t)(y + from) / sizeof(T)) & (Codes<T>::COUNT - 1)), to);
        decode(packed, values, table, scales, blocksize, from, i, y + from);
        if (far) i = write_pages(lines, i, to);
        if (i < to) i = lines.template write<Way::NEAR>(i, to);
        decode(packed, values, table, scales, blocksize, i, to, y + i);
        if (far) _mm_sfence();
    });
    return OK;
}

#define DEFINE(T, NAME)                                                                                           \
    KERNEL dequantize_4bit_v5_pages_##NAME(const uint8_t *packed, const float *values, const float *absmax,      \
                                            const uint8_t *absmax8, const float *nested, const float *nested_map, \
                                            T *y, int64_t bytes, int64_t blocks, int64_t groups, int64_t rows,    \
                                            int64_t columns, int64_t blocksize, int64_t group, double offset,     \
                                            int threads) {                                                        \
        (void)bytes, (void)blocks, (void)groups;                                                                  \
        Scales scales{absmax, absmax8, nested, nested_map, group, float(offset)};                                 \
        return dequantize(packed, values, scales, y, rows * columns, blocksize, threads);                         \
    }
DEFINE(float, f32)
