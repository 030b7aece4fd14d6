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
constexpr int SHORTEST = 4 * SWEPT;  // of a piece

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

// Sums that are complete: rows of the result, or columns.
template <class O>
void deliver(float *sums, int64_t width, const Output &out, bool rows, Range part, int lines) {
    if (rows)
        finish<float, O>({sums, width}, {}, out, 0, part.from, lines, int(part.to - part.from));
    else
        store_columns<O>(sums, width, out, part, lines);
}

// Rows to be added up, but too few columns for every thread to have whole strips of them: a narrower one would jump
// through memory. So the rows are cut too, and the sums of the pieces are added in their order.
template <class T, class O>
int pieces(const Few &few, const Lines &many, const Output &out, bool rows, int lines, int64_t step, int threads) {
    const int64_t strips = parts(many.lines, step), most = many.depth / SHORTEST;
    const int64_t count = least(parts(parallel::SHARES * threads, strips), most);
    float *sums = (float *)scratch(SUMMED, count * strips * lines * step * 4);
    if (!sums) return NO_MEMORY;
    auto strip = [=](int64_t i) { return Range{i * step, least(i * step + step, many.lines)}; };
    parallel_for(strips * count, 1, threads, [&](int64_t from, int64_t to) {
        for (int64_t task = from; task < to; task++) {
            const int64_t i = task % count, begin = many.depth * i / count, end = many.depth * (i + 1) / count;
            const Few factors = {few.data + begin, few.ld, few.lines};
            const Lines piece = {(const T *)many.data + begin * many.ld, many.ld, many.lines, end - begin, false};
            sweep<T>(factors, lines, piece, strip(task / count), sums + task * lines * step, step);
        }
    });
    for (int64_t i = 0; i < strips; i++) {
        float *total = sums + i * count * lines * step;
        for (int64_t piece = 1; piece < count; piece++)
            for (int64_t j = 0; j < lines * step; j++) total[j] += total[piece * lines * step + j];
        deliver<O>(total, step, out, rows, strip(i), lines);
    }
    return OK;
}

template <class T, class O>
int skinny(const Lines &a, const Lines &b, const Output &out, int threads) {
    const bool rows = a.lines <= b.lines;  // whether the few are rows of the result
    const Lines &small = rows ? a : b, &many = rows ? b : a;
    Few few;
    if (!gather<T>(small, &few)) return NO_MEMORY;
    const int lines = int(small.lines);
    const int64_t step = SUMS / few.lines, chunks = parts(many.lines, W), grain = 1 + 65536 / (many.depth + 1) / W;
    if (!many.deep && threads > 1 && many.depth >= 2 * SHORTEST && chunks >= 2 * grain &&
        many.lines < parallel::SHARES * threads * step)
        return pieces<T, O>(few, many, out, rows, lines, step, threads);
    parallel_for(chunks, grain, threads, [&](int64_t from, int64_t to) {
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
            deliver<O>(sums, step, out, rows, part, lines);
        }
    });
    return OK;
}

}  // namespace gemm
