// Matrices as panels: what the inner loops of all products read, laid out in the order they read it.
//
// Both operands are seen as lines (the rows of a, the columns of b), each of some depth (k). The unit is a word of
// 32 bits: one float, two int16 or bfloat16, or four int8 that follow each other in depth. Blocks of W lines by W
// words go through registers: where memory has them one way and the panel wants them the other, they are
// transposed there. What lies behind the edges is 0.
#pragma once
#include <type_traits>
#include <utility>

#include "simd.h"

namespace gemm {
using namespace simd;

typedef int8_t i8x1 __attribute__((vector_size(W)));
typedef int8_t i8x2 __attribute__((vector_size(W * 2)));
typedef int16_t i16x2 __attribute__((vector_size(W * 4)));

template <class V, class T>
inline V raw(const T *p) {  // the bits that stand at p
    V x;
    memcpy(&x, p, sizeof x);
    return x;
}

// ---- words: `deep` reads W of them along the depth of one line, `flat` one from each of W lines side by side

template <class T>
struct Widened {  // a float from any storage type
    typedef T Item;
    static constexpr int PER_WORD = 1;
    static vi deep(const T *p) { return bits<vi>(load(p)); }
    static vi flat(const T *p, int64_t) { return bits<vi>(load(p)); }
};

struct Pairs {  // two int16 from int8
    typedef int8_t Item;
    static constexpr int PER_WORD = 2;
    static vi deep(const int8_t *p) { return bits<vi>(__builtin_convertvector(raw<i8x2>(p), i16x2)); }
    static vi row(const int8_t *p) {
#if defined(__AVX512F__)
        return (vi)_mm512_cvtepi8_epi32(raw<__m128i>(p));
#else
        return __builtin_convertvector(raw<i8x1>(p), vi);
#endif
    }
    static vi flat(const int8_t *p, int64_t ld) { return (row(p) & 0xffff) | row(p + ld) << 16; }
};

template <bool OFFSET>
struct Fours {  // four int8, 128 added to each if OFFSET: then they are unsigned
    typedef int8_t Item;
    static constexpr int PER_WORD = 4;
    static vi shifted(vi x) { return OFFSET ? x ^ int(0x80808080) : x; }
    static vi deep(const int8_t *p) { return shifted(raw<vi>(p)); }
    static vi row(const int8_t *p) { return Pairs::row(p) & 0xff; }
    static vi flat(const int8_t *p, int64_t ld) {
        return shifted(row(p) | row(p + ld) << 8 | row(p + 2 * ld) << 16 | row(p + 3 * ld) << 24);
    }
};

struct Halves {  // two bfloat16, as they are
    typedef bf16 Item;
    static constexpr int PER_WORD = 2;
    static vi deep(const bf16 *p) { return raw<vi>(p); }
    static vi row(const bf16 *p) { return __builtin_convertvector(raw<vh>(p), vi); }
    static vi flat(const bf16 *p, int64_t ld) { return row(p) | row(p + ld) << 16; }
};

// ---- transposition of W by W words: pairs of lines exchange halves of width 1, 2, 4, …

template <int S, int... J>
inline void exchange(vi (&r)[W], std::integer_sequence<int, J...>) {
    const vi low = {((J & S) ? J - S + W : J)...}, high = {((J & S) ? J + W : J + S)...};
#pragma GCC unroll 16
    for (int i = 0; i < W; i++)
        if (!(i & S)) {
            vi a = r[i], b = r[i + S];
            r[i] = __builtin_shuffle(a, b, low);
            r[i + S] = __builtin_shuffle(a, b, high);
        }
}

inline void transpose(vi (&r)[W]) {
    std::make_integer_sequence<int, W> lanes;
    exchange<1>(r, lanes);
    exchange<2>(r, lanes);
    if constexpr (W > 4) exchange<4>(r, lanes);
    if constexpr (W > 8) exchange<8>(r, lanes);
}

// ---- blocks

// An operand: element (line, depth) is at data[line * ld + depth] if deep, else at data[depth * ld + line].
struct Lines {
    const void *data;
    int64_t ld, lines, depth;
    bool deep;
};

// Blocks jump from line to line, which the processor's own prefetching does not follow: so each asks for what its
// successor in depth, or in the next panel, will read.
constexpr int AHEAD = 256, NEXT = 2 * W;  // bytes, elements
inline void ask(const void *p, int64_t bytes) { __builtin_prefetch((const void *)(intptr_t(p) + bytes)); }

// A whole block: W lines by W words from p on; `count` rows of W words to `to`, `stride` words apart. A row holds one
// word of every line if by_depth, else the words of one line.
template <class K>
inline void whole_block(const typename K::Item *p, int64_t ld, bool deep, bool by_depth, int32_t *to, int64_t stride,
                        int count) {
    vi r[W];
    if (deep) {
#pragma GCC unroll 16
        for (int i = 0; i < W; i++) {
            ask(p + i * ld, AHEAD);
            r[i] = K::deep(p + i * ld);
        }
    } else {
#pragma GCC unroll 16
        for (int i = 0; i < W; i++) {
            for (int q = 0; q < K::PER_WORD; q++) ask(p + (i * K::PER_WORD + q) * ld, NEXT * sizeof *p);
            r[i] = K::flat(p + i * K::PER_WORD * ld, ld);
        }
    }
    if (deep == by_depth) transpose(r);
    if (count == W) {
#pragma GCC unroll 16
        for (int i = 0; i < W; i++) memcpy(to + i * stride, &r[i], sizeof r[i]);
    } else {
        int32_t all[W][W];
        memcpy(all, r, sizeof r);
        for (int i = 0; i < count; i++) memcpy(to + i * stride, all[i], sizeof all[i]);
    }
}

// … at an edge: what there is, copied to where zeros follow it.
template <class K>
__attribute__((noinline)) void edge_block(const Lines &s, int64_t line, int64_t depth, bool by_depth, int32_t *to,
                                          int64_t stride, int count) {
    typedef typename K::Item Item;
    constexpr int DEEP = W * K::PER_WORD;
    Item some[W * DEEP] = {};
    int64_t lines = s.lines - line < W ? s.lines - line : W, depths = s.depth - depth < DEEP ? s.depth - depth : DEEP;
    const int64_t rows = s.deep ? lines : depths, columns = s.deep ? depths : lines, ld = s.deep ? DEEP : W;
    const Item *p = (const Item *)s.data + (s.deep ? line * s.ld + depth : depth * s.ld + line);
    for (int64_t i = 0; i < rows && columns > 0; i++) memcpy((void *)(some + i * ld), p + i * s.ld, columns * sizeof(Item));
    whole_block<K>(some, ld, s.deep, by_depth, to, stride, count);
}

template <class K>
inline void block(const Lines &s, int64_t line, int64_t depth, bool by_depth, int32_t *to, int64_t stride, int count) {
    if (line + W > s.lines || depth + W * K::PER_WORD > s.depth)
        edge_block<K>(s, line, depth, by_depth, to, stride, count);
    else if (s.deep)
        whole_block<K>((const typename K::Item *)s.data + line * s.ld + depth, s.ld, true, by_depth, to, stride, count);
    else
        whole_block<K>((const typename K::Item *)s.data + depth * s.ld + line, s.ld, false, by_depth, to, stride, count);
}

// ---- panels: `words` words of depth from `depth` on, of `count` lines from `line` on; zeros where there are none

// Where a word of a panel is: so far from line to line, so far from word to word.
struct Panel {
    const int32_t *data;
    int64_t line, step;
};
typedef Panel (*Pack)(const Lines &, int64_t line, int count, int64_t depth, int64_t words, int32_t *to);

// Lines side by side, up to LANES of them (whole vectors), one row for each word of depth.
template <class K, int LANES>
Panel pack_across(const Lines &s, int64_t line, int lanes, int64_t depth, int64_t words, int32_t *to) {
    constexpr int PER_WORD = K::PER_WORD;
    // Rows as they are, and the next panel's asked for; by blocks, rows far apart would push each other out of L1.
    if (!s.deep && line + lanes <= s.lines && depth + words * PER_WORD <= s.depth) {
        const typename K::Item *p = (const typename K::Item *)s.data + depth * s.ld + line;
        for (int64_t w = 0; w < words; w++, p += PER_WORD * s.ld)
            for (int v = 0; v < lanes; v += W) {
                for (int q = 0; q < PER_WORD; q++) ask(p + q * s.ld + v, LANES * sizeof *p);
                const vi x = K::flat(p + v, s.ld);
                memcpy(to + w * LANES + v, &x, sizeof x);
            }
        return {to, 1, LANES};
    }
    for (int64_t w = 0; w < words; w += W)
        for (int v = 0; v < lanes; v += W) {
            int count = int(words - w < W ? words - w : W);
            block<K>(s, line + v, depth + w * K::PER_WORD, true, to + w * LANES + v, LANES, count);
        }
    return {to, 1, LANES};
}

// As they lie in memory, deep or flat: what is broadcast can be either. Up to W lines.
template <class K>
Panel pack_along(const Lines &s, int64_t line, int count, int64_t depth, int64_t words, int32_t *to) {
    if (!s.deep) return pack_across<K, W>(s, line, W, depth, words, to);
    typedef typename K::Item Item;
    const int64_t ld = (words + W - 1) / W * W, there = (s.depth - depth) / (W * K::PER_WORD) * W;  // whole vectors
    for (int i = 0; i < count; i++) {
        const Item *p = (const Item *)s.data + (line + i) * s.ld + depth;
        for (int64_t w = 0; w < ld; w += W) {
            vi x;
            if (w < there) {
                x = K::deep(p + w * K::PER_WORD);
            } else {
                Item rest[W * K::PER_WORD] = {};
                const int64_t left = s.depth - depth - w * K::PER_WORD;
                if (left > 0) memcpy((void *)rest, p + w * K::PER_WORD, left * sizeof(Item));
                x = K::deep(rest);
            }
            memcpy(to + i * ld + w, &x, sizeof x);
        }
    }
    return {to, ld, 1};
}

// Floats are words: they stay where they are.
inline Panel as_it_is(const Lines &s, int64_t line, int, int64_t depth, int64_t, int32_t *) {
    const int32_t *p = (const int32_t *)s.data;
    if (s.deep) return {p + line * s.ld + depth, s.ld, 1};
    return {p + depth * s.ld + line, 1, s.ld};
}

}  // namespace gemm
