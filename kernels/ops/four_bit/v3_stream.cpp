// Decoded a kilobyte at a time into the nearest cache, and from there to memory in whole lines (stream.h).
// Learned: decoding takes a quarter of the time; the rest is writing. Lines that are written whole and past the caches
// need not be read before, and no store may straddle two of them.
#include "streamed.h"

#define DEFINE(T, NAME)                                                                                           \
    KERNEL dequantize_4bit_v3_stream_##NAME(const uint8_t *packed, const float *values, const float *absmax,      \
                                            const uint8_t *absmax8, const float *nested, const float *nested_map, \
                                            T *y, int64_t bytes, int64_t blocks, int64_t groups, int64_t rows,    \
                                            int64_t columns, int64_t blocksize, int64_t group, double offset,     \
                                            int threads) {                                                        \
        (void)bytes, (void)blocks, (void)groups;                                                                  \
        Scales scales{absmax, absmax8, nested, nested_map, group, float(offset)};                                 \
        return streamed(packed, values, scales, y, rows * columns, blocksize, threads);                         \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
