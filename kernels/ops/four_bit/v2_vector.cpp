// Quantising and dequantising W elements at a time.
// Learned: sixteen values fit one register, so decoding is one permutation of it, by the codes, after the register
// was multiplied by the block's scale; encoding is four permutations of the thresholds, halving what is left each
// time. Two codes are spread over a 64-bit lane by two shifts, which keeps them in order.
#include "nibbles.h"
#include "parallel.h"
#include "tables.h"

#if defined(__AVX2__)
static const float NORMAL_PADDED[16] = {
    NF4_THRESHOLDS[0],  NF4_THRESHOLDS[1],  NF4_THRESHOLDS[2],  NF4_THRESHOLDS[3],
    NF4_THRESHOLDS[4],  NF4_THRESHOLDS[5],  NF4_THRESHOLDS[6],  NF4_THRESHOLDS[7],
    NF4_THRESHOLDS[8],  NF4_THRESHOLDS[9],  NF4_THRESHOLDS[10], NF4_THRESHOLDS[11],
    NF4_THRESHOLDS[12], NF4_THRESHOLDS[13], NF4_THRESHOLDS[14], 2};
static const float FLOAT_PADDED[16] = {FP4_THRESHOLDS[0], FP4_THRESHOLDS[1], FP4_THRESHOLDS[2], FP4_THRESHOLDS[3],
                                       FP4_THRESHOLDS[4], FP4_THRESHOLDS[5], FP4_THRESHOLDS[6], 2};
static const float RANKED[16] = {0, 1, 6, 7, 4, 5, 2, 3};
#endif

// Codes of NF4: how many thresholds lie strictly below.
struct Normal {
#if defined(__AVX2__)
    Table thresholds{NORMAL_PADDED};
    vi operator()(vf y) const {
        vi code = (y > NF4_THRESHOLDS[7]) & 8;
        code += (y > thresholds[code + 3]) & 4;
        code += (y > thresholds[code + 1]) & 2;
        return code + ((y > thresholds[code]) & 1);
    }
#else
    vi operator()(vf y) const {
        vi code = vi{};
        for (float threshold : NF4_THRESHOLDS) code -= y > threshold;
        return code;
    }
#endif
};

// Codes of FP4: a sign, and the magnitude's rank by a table that is not in ascending order.
struct Float {
#if defined(__AVX2__)
    Table thresholds{FLOAT_PADDED}, codes{RANKED};
    vi operator()(vf y) const {
        vf size = abs(y);
        vi rank = (size > FP4_THRESHOLDS[3]) & 4;
        rank += (size > thresholds[rank + 1]) & 2;
        rank += (size > thresholds[rank]) & 1;
        return __builtin_convertvector(codes[rank], vi) | ((y < 0) & 8);
    }
#else
    vi operator()(vf y) const {
        vf size = abs(y);
        vi code = vi{};  // by magnitude 0 1 6 7 4 5 2 3: what each step changes
        const int change[7] = {1, 5, 1, -3, 1, -3, 1};
        for (int i = 0; i < 7; i++) code += (size > FP4_THRESHOLDS[i]) & change[i];
        return code | ((y < 0) & 8);
    }
#endif
};

template <class T, class Code>
static void encode_block(const T *x, int64_t n, float scale, const Code &code, uint8_t *packed) {
    int64_t i = 0;
    for (; i + W <= n; i += W) pack(packed + i / 2, code(load(x + i) * scale));
    if (i < n) {
        uint8_t rest[W / 2];
        pack(rest, code(load_some(x + i, int(n - i), 0) * scale));
        int64_t bytes = (n - i + 1) / 2;
        if (n & 1) rest[bytes - 1] &= 0xf0;
        memcpy(packed + i / 2, rest, bytes);
    }
}

template <class T, class Code>
static void quantize(const T *x, uint8_t *packed, float *absmax, int64_t n, int64_t blocks, int64_t blocksize,
                     int threads, const Code &code) {
    parallel_for(blocks, 16384 / blocksize + 1, threads, [=](int64_t begin, int64_t end) {
        for (int64_t block = begin; block < end; block++) {
            int64_t from = block * blocksize, length = n - from < blocksize ? n - from : blocksize;
            absmax[block] = codes8::absmax(x + from, length);
            encode_block(x + from, length, codes8::reciprocal(absmax[block]), code, packed + from / 2);
        }
    });
}

template <class T>
static int dequantize(const uint8_t *packed, const float *values, const Scales &scales, T *y, int64_t n,
                      int64_t blocksize, int threads) {
    int64_t blocks = (n + blocksize - 1) / blocksize;
    parallel_for(blocks, 16384 / blocksize + 1, threads, [=](int64_t begin, int64_t end) {
        Table table(values);
        int64_t from = begin * blocksize, to = end * blocksize < n ? end * blocksize : n;
        decode(packed, values, table, scales, blocksize, from, to, y + from);
    });
    return OK;
}

#define DEFINE(T, NAME)                                                                                            \
    KERNEL quantize_4bit_v2_vector_##NAME(const T *x, uint8_t *packed, float *absmax, int64_t n, int64_t bytes,    \
                                          int64_t blocks, int64_t quant_type, int64_t blocksize, int threads) {    \
        (void)bytes;                                                                                               \
        if (quant_type)                                                                                            \
            quantize(x, packed, absmax, n, blocks, blocksize, threads, Float());                                   \
        else                                                                                                       \
            quantize(x, packed, absmax, n, blocks, blocksize, threads, Normal());                                  \
        return OK;                                                                                                 \
    }                                                                                                              \
    KERNEL dequantize_4bit_v2_vector_##NAME(const uint8_t *packed, const float *values, const float *absmax,       \
                                            const uint8_t *absmax8, const float *nested, const float *nested_map,  \
                                            T *y, int64_t bytes, int64_t blocks, int64_t groups, int64_t rows,     \
                                            int64_t columns, int64_t blocksize, int64_t group, double offset,      \
                                            int threads) {                                                         \
        (void)bytes, (void)blocks, (void)groups;                                                                   \
        Scales scales{absmax, absmax8, nested, nested_map, group, float(offset)};                                  \
        return dequantize(packed, values, scales, y, rows * columns, blocksize, threads);                          \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
