// Codes by one look-up and one comparison (codes8.h), W at a time, block by block while it is in the nearest cache.
// Learned: a number's upper 16 bits all but tell its code. Where they do not, one threshold decides; keeping the
// lower half of that threshold beside the code makes the result exact for one look-up more than a guess costs.
#include "codes8.h"
#include "parallel.h"

using namespace codes8;

template <class T>
static int quantize(const T *x, const float *map, uint8_t *codes, float *scales, int64_t n, int64_t blocks,
                    int64_t blocksize, int threads) {
    const Map &found = ready(0, map);
    parallel_for(blocks, 16384 / blocksize + 1, threads, [&](int64_t begin, int64_t end) {
        for (int64_t block = begin; block < end; block++) {
            int64_t from = block * blocksize, length = n - from < blocksize ? n - from : blocksize;
            scales[block] = absmax(x + from, length);
            encode(found, x + from, length, scales[block], codes + from);
        }
    });
    return OK;
}

template <class T>
static int dequantize(const uint8_t *codes, const float *scales, const float *values, T *y, int64_t n,
                      int64_t blocks, int64_t blocksize, int threads) {
    parallel_for(blocks, 16384 / blocksize + 1, threads, [=](int64_t begin, int64_t end) {
        for (int64_t block = begin; block < end; block++) {
            int64_t from = block * blocksize, to = n - from < blocksize ? n : from + blocksize;
            int64_t i = from;
            for (; i + W <= to; i += W)
                store(y + i, bits<vf>(gather((const int32_t *)values, load_codes(codes + i))) * scales[block]);
            for (; i < to; i++) y[i] = narrow<T>(values[codes[i]] * scales[block]);
        }
    });
    return OK;
}

#define DEFINE(T, NAME)                                                                                               \
    KERNEL quantize_blockwise_v2_cells_##NAME(const T *x, const float *map, uint8_t *codes, float *absmax, int64_t n, \
                                              int64_t blocks, int64_t blocksize, int threads) {                       \
        return quantize(x, map, codes, absmax, n, blocks, blocksize, threads);                                        \
    }                                                                                                                 \
    KERNEL dequantize_blockwise_v2_cells_##NAME(const uint8_t *codes, const float *absmax, const float *map, T *y,    \
                                                int64_t n, int64_t blocks, int64_t blocksize, int threads) {          \
        return dequantize(codes, absmax, map, y, n, blocks, blocksize, threads);                                      \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
