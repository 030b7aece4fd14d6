// Numbers to the codes of a map of 256 ascending values and back: 8-bit blockwise quantisation.
//
// The code of y is the number of thresholds (midpoints of neighbours in the map) strictly below y. Instead of
// searching 255 of them, the upper half of y's bits picks a cell of a table. Cells are so narrow that at most one
// threshold lies in each, and the table has the lower half of its bits: one look-up and one comparison give the
// exact code. A map for which cells hold more than one threshold is searched in eight steps.
#pragma once
#include <algorithm>

#include "simd.h"

namespace codes8 {

using namespace simd;

constexpr int FIRST = ((127 - 24) << 7) - 1;  // cell 0 is all below 2^-24
constexpr int LAST = 127 << 7;                // 1 and what rounding leaves above it
constexpr int CELLS = LAST - FIRST + 1;       // per sign

struct Map {
    float values[256];
    float thresholds[256];  // the last is a filler
    // Per cell, negative ones behind: bits 0-15 the lower half of the threshold, 16-23 the code where it is not
    // passed, 24-31 what passing it adds (0, 1, or -1 where a greater magnitude is a lesser number).
    int32_t cells[2 * CELLS];
    bool direct = false;
    bool filled = false;
};

inline float magnitude_of(int cell) { return cell ? bits<float>(uint32_t(FIRST + cell) << 16) : 0.0f; }

// One sign's cells, from zero outwards; `at(i)` is the i-th threshold met on the way, there are `count`, and the
// code before the first is `code`.
template <class At>
inline bool fill_cells(int32_t *cells, int code, int step, int count, At at) {
    int next = 0;
    for (int cell = 0; cell < CELLS; cell++) {
        float end = cell + 1 < CELLS ? magnitude_of(cell + 1) : std::numeric_limits<float>::infinity();
        int from = next;
        while (next < count && at(next) < end) next++;
        if (next - from > 1 || (next > from && (cell == 0 || cell == CELLS - 1))) return false;
        int32_t entry = 0xffff | code << 16;
        if (next > from) {
            int32_t low = bits<int32_t>(at(from)) & 0xffff;
            // Going up, y must be above the threshold; going down, it must have reached it.
            if (step > 0)
                entry = low | code << 16 | 1 << 24;
            else if (low)
                entry = (low - 1) | code << 16 | int32_t(0xff000000);
            else
                entry = 0xffff | (code - 1) << 16;
            code += step;
        }
        cells[cell] = entry;
    }
    return true;
}

inline void fill(Map &map, const float *values) {
    memcpy(map.values, values, sizeof map.values);
    float *t = map.thresholds;
    for (int i = 0; i < 255; i++) t[i] = (values[i] + values[i + 1]) * 0.5f;
    t[255] = std::numeric_limits<float>::infinity();
    int below = int(std::lower_bound(t, t + 255, 0.0f) - t);  // the code of zero
    int zeros = 0;
    while (below + zeros < 255 && t[below + zeros] == 0) zeros++;
    map.direct = !zeros &&
                 fill_cells(map.cells, below, 1, 255 - below, [=](int i) { return t[below + i]; }) &&
                 fill_cells(map.cells + CELLS, below, -1, below, [=](int i) { return -t[below - 1 - i]; });
    map.filled = true;
}

// A map made ready; a thread keeps the last one of each slot, as calls in a row use the same.
inline const Map &ready(int slot, const float *values) {
    static thread_local Map kept[2];
    Map &map = kept[slot];
    if (!map.filled || memcmp(map.values, values, sizeof map.values)) fill(map, values);
    return map;
}

// ---- one value

inline int search(const Map &map, float y) {  // 0 for a NaN
    return int(std::lower_bound(map.thresholds, map.thresholds + 255, y) - map.thresholds);
}

inline int look_up(const Map &map, float y) {
    uint32_t u = bits<uint32_t>(y);
    int key = int(u >> 16 & 0x7fff);
    key = key < FIRST ? FIRST : key > LAST ? LAST : key;
    int32_t entry = map.cells[key - FIRST + (u >> 31 ? CELLS : 0)];
    return (entry >> 16 & 255) + (int32_t(u & 0xffff) > (entry & 0xffff) ? entry >> 24 : 0);
}

// ---- W values

inline vi gather(const int32_t *table, vi index) {
#if defined(__AVX512F__)
    return (vi)_mm512_i32gather_epi32((__m512i)index, table, 4);
#elif defined(__AVX2__)
    return (vi)_mm256_i32gather_epi32(table, (__m256i)index, 4);
#else
    vi found;
    for (int i = 0; i < W; i++) found[i] = table[index[i]];
    return found;
#endif
}

// The compiler converts between vectors of bytes and of words in several steps; the processor has one.
inline vi load_codes(const uint8_t *p) {
#if defined(__AVX512F__)
    return (vi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
#elif defined(__AVX2__)
    return (vi)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
#else
    typedef uint8_t vb __attribute__((vector_size(W)));
    vb codes;
    memcpy(&codes, p, sizeof codes);
    return __builtin_convertvector(codes, vi);
#endif
}

inline void store_codes(uint8_t *p, vi x) {
#if defined(__AVX512F__)
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8((__m512i)x));
#else
    typedef uint8_t vb __attribute__((vector_size(W)));
    vb codes = __builtin_convertvector(x, vb);
    memcpy(p, &codes, sizeof codes);
#endif
}

inline vf decode(const Map &map, vi codes) { return bits<vf>(gather((const int32_t *)map.values, codes)); }

inline vi look_up(const Map &map, vf y) {
    vi u = bits<vi>(y);
    vi key = (u >> 16) & 0x7fff;
    key = key < FIRST ? splat_int(FIRST) : key;
    key = key > LAST ? splat_int(LAST) : key;
    vi entry = gather(map.cells, key - FIRST + ((u >> 31) & CELLS));
    vi passed = (u & 0xffff) > (entry & 0xffff);
    return ((entry >> 16) & 255) + ((entry >> 24) & passed);
}

// ---- a block

// The largest magnitude, NaN if there is one: as whole numbers, magnitudes are in order and NaN is above all.
template <class T>
inline float absmax(const T *x, int64_t n) {
    vi top = vi{};
    int64_t whole = n / W * W;
    for (int64_t i = 0; i < whole; i += W) {
        vi u = bits<vi>(load(x + i)) & 0x7fffffff;
        top = u > top ? u : top;
    }
    if (n > whole) {
        vi u = bits<vi>(load_some(x + whole, int(n - whole), 0)) & 0x7fffffff;
        top = u > top ? u : top;
    }
    int32_t largest = 0;
    for (int i = 0; i < W; i++) largest = top[i] > largest ? top[i] : largest;
    return bits<float>(largest);
}

inline float reciprocal(float absmax) { return 1.0f / (absmax < 1e-38f ? 1e-38f : absmax); }

// Codes of x / absmax.
template <class T>
inline void encode(const Map &map, const T *x, int64_t n, float absmax, uint8_t *codes) {
    float scale = reciprocal(absmax);
    if (!map.direct || !(absmax <= std::numeric_limits<float>::max())) {
        for (int64_t i = 0; i < n; i++) codes[i] = uint8_t(search(map, widen(x[i]) * scale));
        return;
    }
    int64_t whole = n / W * W;
    for (int64_t i = 0; i < whole; i += W) store_codes(codes + i, look_up(map, load(x + i) * scale));
    for (int64_t i = whole; i < n; i++) codes[i] = uint8_t(look_up(map, widen(x[i]) * scale));
}

}  // namespace codes8
