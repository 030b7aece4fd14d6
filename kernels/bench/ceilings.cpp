// What this machine can do at most: moving bytes, and multiplying and adding. Enough independent chains to hide the
// latency of an instruction; the result is used, so that nothing is left out.
#include <immintrin.h>
#include <string.h>

#include "kernel.h"
#include "parallel.h"

// body(part) for as many parts as threads.
template <class Body>
static int on_each(int threads, Body body) {
    parallel_for(threads, 1, threads, [=](int64_t from, int64_t to) {
        for (int64_t part = from; part < to; part++) body(part);
    });
    return OK;
}

KERNEL ceiling_copy(const char *from, char *to, int64_t bytes, int threads) {
    return on_each(threads, [=](int64_t part) {
        int64_t begin = bytes * part / threads, end = bytes * (part + 1) / threads;
        memcpy(to + begin, from + begin, end - begin);
    });
}

// In place: of each line one trip to the core, not the two of a line copied to another place.
KERNEL ceiling_update(float *data, int64_t bytes, int threads) {
    return on_each(threads, [=](int64_t part) {
        int64_t n = bytes / 4, begin = n * part / threads, end = n * (part + 1) / threads;
        for (int64_t i = begin; i < end; i++) data[i] = -data[i];
    });
}

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX2__)
#define LANES 8
#else
#define LANES 4
#endif
typedef float lanes __attribute__((vector_size(LANES * 4)));

// 2 * LANES * 12 * rounds floating-point operations per thread.
KERNEL ceiling_fma(float *out, int64_t rounds, int threads) {
    return on_each(threads, [=](int64_t part) {
        lanes sums[12], factor = (lanes){} + 0.999f;
        for (int i = 0; i < 12; i++) sums[i] = (lanes){} + (float)i;
        for (int64_t round = 0; round < rounds; round++)
            for (int i = 0; i < 12; i++) sums[i] = sums[i] * factor + factor;
        lanes all = {};
        for (int i = 0; i < 12; i++) all += sums[i];
        out[part] = all[0];
    });
}

KERNEL ceiling_lanes(void) { return LANES; }

#if defined(__AVX512VNNI__)
// 128 * 12 * rounds operations per thread.
KERNEL ceiling_vnni(int32_t *out, int64_t rounds, int threads) {
    return on_each(threads, [=](int64_t part) {
        __m512i sums[12], a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(2);
        for (int i = 0; i < 12; i++) sums[i] = _mm512_set1_epi32(i);
        for (int64_t round = 0; round < rounds; round++) {
            __asm__ volatile("" : "+v"(a));  // or the loop is multiplied out
            for (int i = 0; i < 12; i++) sums[i] = _mm512_dpbusd_epi32(sums[i], a, b);
        }
        __m512i all = sums[0];
        for (int i = 1; i < 12; i++) all = _mm512_add_epi32(all, sums[i]);
        out[part] = _mm512_reduce_add_epi32(all);
    });
}
#endif

#if defined(__AVX512BF16__)
// 64 * 12 * rounds operations per thread.
KERNEL ceiling_bf16(float *out, int64_t rounds, int threads) {
    return on_each(threads, [=](int64_t part) {
        __m512 sums[12];
        __m512bh a = (__m512bh)_mm512_set1_epi16(0x3f00), b = (__m512bh)_mm512_set1_epi16(0x3f7f);
        for (int i = 0; i < 12; i++) sums[i] = _mm512_set1_ps((float)i);
        for (int64_t round = 0; round < rounds; round++) {
            __asm__ volatile("" : "+v"(a));  // or the loop is multiplied out
            for (int i = 0; i < 12; i++) sums[i] = _mm512_dpbf16_ps(sums[i], a, b);
        }
        __m512 all = sums[0];
        for (int i = 1; i < 12; i++) all = _mm512_add_ps(all, sums[i]);
        out[part] = _mm512_reduce_add_ps(all);
    });
}
#endif

#if defined(__AMX_TILE__)
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

// A constant: the instruction tells the compiler of the first bytes alone that it reads them, so those of a variable
// might never be written.
static const struct tile_config ALL_FULL = {
    1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

// 4 * 2 * 16 * 16 * 64 operations per round and thread for bytes, half of that for bfloat16.
KERNEL ceiling_amx(int64_t rounds, int64_t bfloat16, int threads) {
    return on_each(threads, [=](int64_t) {
        _tile_loadconfig(&ALL_FULL);
        for (int64_t round = 0; round < rounds; round++) {  // 0 to 3 are sums, 4 to 7 factors
            if (bfloat16) {
                _tile_dpbf16ps(0, 4, 6);
                _tile_dpbf16ps(1, 4, 7);
                _tile_dpbf16ps(2, 5, 6);
                _tile_dpbf16ps(3, 5, 7);
            } else {
                _tile_dpbssd(0, 4, 6);
                _tile_dpbssd(1, 4, 7);
                _tile_dpbssd(2, 5, 6);
                _tile_dpbssd(3, 5, 7);
            }
        }
        _tile_release();
    });
}
#endif

