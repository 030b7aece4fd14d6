// Products with few rows or few columns: the large operand is read once, from memory to registers, unpacked, so
// they run at the speed of memory.
//
// `few` holds the small operand as floats, line after line, padded with zeros. Where the large one is deep, its
// lines are multiplied with it element by element (dots); where it is flat, its rows are added up, eight at a
// time, scaled (sweep).
#pragma once
#include "blocked.h"

namespace gemm {

constexpr int SUMS = 4096;  // floats of results at a time: they stay in L1
constexpr int SWEPT = 8;    // rows added up at a time

struct Few {
    float *data;
    int64_t ld;
    int lines;
};

template <class T>
bool gather(const Lines &s, Few *few) {
    few->lines = s.lines > 1 ? int(rounded(s.lines, 4)) : 1;
    few->ld = rounded(s.depth, W);
    few->data = (float *)scratch(FEW, few->lines * few->ld * 4);
    if (!few->data) return false;
    for (int64_t i = 0; i < few->lines; i++) {
        float *to = few->data + i * few->ld;
        const T *p = (const T *)s.data + (s.deep ? i * s.ld : i);
        int64_t d = 0;
        if (i < s.lines) {
            if (s.deep)
                for (; d + W <= s.depth; d += W) store(to + d, load(p + d));
            for (; d < s.depth; d++) to[d] = widen(p[s.deep ? d : d * s.ld]);
        }
        for (; d < few->ld; d++) to[d] = 0;
    }
    return true;
}

// R lines of few with L of many; sums[r * width + l].
template <class T, int R, int L>
inline void dot_lines(const Few &few, int row, const T *p, int64_t ld, int64_t depth, float *sums, int64_t width) {
    vf s[R][L] = {};
    const float *f = few.data + row * few.ld;
    auto step = [&](int64_t d, const vf(&x)[L]) {
#pragma GCC unroll 4
        for (int r = 0; r < R; r++) {
            vf y = load(f + r * few.ld + d);
#pragma GCC unroll 4
            for (int l = 0; l < L; l++) s[r][l] += y * x[l];
        }
    };
    vf x[L];
    int64_t d = 0;
    for (; d + W <= depth; d += W) {
#pragma GCC unroll 4
        for (int l = 0; l < L; l++) x[l] = load(p + l * ld + d);
        step(d, x);
    }
    if (d < depth) {
        for (int l = 0; l < L; l++) x[l] = load_some(p + l * ld + d, int(depth - d), 0);
        step(d, x);
    }
    for (int r = 0; r < R; r++)
        for (int l = 0; l < L; l++) sums[r * width + l] = sum(s[r][l]);
}

template <class T, int R>
void dots(const Few &few, int row, const Lines &many, Range lines, float *sums, int64_t width) {
    int64_t j = lines.from;
    const T *p = (const T *)many.data;
    for (; j + 4 <= lines.to; j += 4)
        dot_lines<T, R, 4>(few, row, p + j * many.ld, many.ld, many.depth, sums + j - lines.from, width);
    for (; j < lines.to; j++)
        dot_lines<T, R, 1>(few, row, p + j * many.ld, many.ld, many.depth, sums + j - lines.from, width);
}

template <class T, int Q>
inline void add_rows(const Few &few, int lines, const T *p, int64_t ld, int64_t depth, int64_t count, float *sums,
                     int64_t width) {
    vf x[Q];
    auto step = [&](float *s, const float *f) {
        vf y = load(s);
#pragma GCC unroll 8
        for (int q = 0; q < Q; q++) y += splat(f[q]) * x[q];
        store(s, y);
    };
    for (int64_t c = 0; c < count; c += W) {
#pragma GCC unroll 8
        for (int q = 0; q < Q; q++)
            x[q] = c + W <= count ? load(p + q * ld + c) : load_some(p + q * ld + c, int(count - c), 0);
        for (int r = 0; r < lines; r++) step(sums + r * width + c, few.data + r * few.ld + depth);
    }
}

template <class T>
void sweep(const Few &few, int lines, const Lines &many, Range columns, float *sums, int64_t width) {
    memset(sums, 0, lines * width * sizeof *sums);
    const T *p = (const T *)many.data + columns.from;
    int64_t d = 0, count = columns.to - columns.from;
    for (; d + SWEPT <= many.depth; d += SWEPT)
        add_rows<T, SWEPT>(few, lines, p + d * many.ld, many.ld, d, count, sums, width);
    for (; d < many.depth; d++) add_rows<T, 1>(few, lines, p + d * many.ld, many.ld, d, count, sums, width);
}

// One column of the result for each line of few: its elements lie out.ld apart.
template <class O>
void store_columns(const float *sums, int64_t width, const Output &out, Range rows, int64_t columns) {
    for (int64_t j = 0; j < columns; j++)
        for (int64_t i = rows.from; i < rows.to; i++)
            ((O *)out.data)[i * out.ld + j] =
                narrow<O>(sums[j * width + i - rows.from] * out.alpha + (out.bias ? out.bias[j] : 0));
}

template <class T, class O>
int skinny(const Lines &a, const Lines &b, const Output &out, int threads) {
    const bool rows = a.lines <= b.lines;  // whether the few are rows of the result
    const Lines &small = rows ? a : b, &many = rows ? b : a;
    Few few;
    if (!gather<T>(small, &few)) return NO_MEMORY;
    const int lines = int(small.lines);
    const int64_t step = SUMS / few.lines, chunks = parts(many.lines, W);
    parallel_for(chunks, 1 + 65536 / (many.depth + 1) / W, threads, [&](int64_t from, int64_t to) {
        alignas(64) float sums[SUMS];
        const int64_t end = least(to * W, many.lines);
        for (int64_t j = from * W; j < end; j += step) {
            Range part = {j, least(j + step, end)};
            if (!many.deep)
                sweep<T>(few, lines, many, part, sums, step);
            else if (few.lines == 1)
                dots<T, 1>(few, 0, many, part, sums, step);
            else
                for (int r = 0; r < few.lines; r += 4) dots<T, 4>(few, r, many, part, sums + r * step, step);
            if (rows)
                finish<float, O>({sums, step}, {}, out, 0, j, lines, int(part.to - j));
            else
                store_columns<O>(sums, step, out, part, lines);
        }
    });
    return OK;
}

}  // namespace gemm
