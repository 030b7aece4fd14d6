// Each line of y is decoded in one register and written at once, past the caches where there is much.
// Learned: 16 or 32 codes are brought to their lanes by three instructions: the bytes are loaded into every quarter of
// the register, a shuffle gives each lane its own, and a shift per lane drops what is not its half. A line that two
// blocks share is looked up in both of their tables. What is left is writing: 4096x4096 takes 1.1 times what storing
// zeros takes, in float32 (4.3 ms; through a buffer, v3, 4.5) as in 16 bits (2.3 ms; 2.6).
#include "lines.h"

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
        if (i < to)
            i = far ? lines.template write<Way::PAST>(i, to) : lines.template write<Way::NEAR>(i, to);
        decode(packed, values, table, scales, blocksize, i, to, y + i);
        if (far) _mm_sfence();
    });
    return OK;
}

#define DEFINE(T, NAME)                                                                                           \
    KERNEL dequantize_4bit_v4_lines_##NAME(const uint8_t *packed, const float *values, const float *absmax,      \
                                            const uint8_t *absmax8, const float *nested, const float *nested_map, \
                                            T *y, int64_t bytes, int64_t blocks, int64_t groups, int64_t rows,    \
                                            int64_t columns, int64_t blocksize, int64_t group, double offset,     \
                                            int threads) {                                                        \
        (void)bytes, (void)blocks, (void)groups;                                                                  \
        Scales scales{absmax, absmax8, nested, nested_map, group, float(offset)};                                 \
        return dequantize(packed, values, scales, y, rows * columns, blocksize, threads);                         \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
