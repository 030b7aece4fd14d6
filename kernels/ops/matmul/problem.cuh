// What the matrix kernels share: which product a tile belongs to, and what becomes of its sums.
//
// An operand is a set of lines (rows of a, columns of b) of some depth (k): element (line, depth) lies at
// p[line * ld + depth] if it is deep, else at p[depth * ld + line].
#pragma once
#include <kernel.cuh>

template <class T>
struct Operand {
    const T *p;
    i64 ld, lines, depth;
    bool deep;

    DEVICE const T *at(i64 line, i64 d) const { return p + (deep ? line * ld + d : d * ld + line); }
};

// out = sum * scale of its row * scale of its column + bias; each may be NULL.
template <class O, class B>
struct Result {
    O *out;
    i64 n;
    float alpha;
    const float *row_scale, *column_scale;
    const B *bias;

    DEVICE float value(i64 i, i64 j, float sum) const {
        float x = sum * (row_scale ? row_scale[i] : alpha);
        if (column_scale) x *= column_scale[j];
        return bias ? x + widen(bias[j]) : x;
    }
    DEVICE void store(i64 i, i64 j, float sum) const { out[i * n + j] = narrow<O>(value(i, j, sum)); }
};

template <class T, class O>
struct Product {
    Operand<T> a, b;
    Result<O, T> result;
};

// Number z of a batch.
template <class T, class O>
DEVICE Product<T, O> product_of(i64 z, const T *a, const T *b, const T *bias, O *out, i64 am, i64 ak, i64 matrices,
                                i64 bk, i64 bn, i64 n, i64 m, bool ta, bool tb, double alpha) {
    const i64 k = ta ? am : ak;
    return {{a + z * am * ak, ak, m, k, !ta},
            {b + (matrices == 1 ? 0 : z * bk * bn), bn, n, k, tb},
            {out + z * m * n, n, static_cast<float>(alpha), nullptr, nullptr, bias}};
}

// Tokens [from, to) of a group; behind the last group comes one of the tokens that are left, with no depth.
struct Group {
    i64 expert, from, to;
};

// The end of a group, where ends decrease or pass the number of tokens cut to what is possible.
DEVICE i64 end_of(const i64 *ends, i64 e, i64 experts, i64 from, i64 tokens) {
    if (e == experts) return tokens;
    const i64 end = ends[e];
    return end < from ? from : end > tokens ? tokens : end;
}

// The group of tile number `slot`, where every group begins a tile of `rows` tokens; slot becomes the tile's number
// in the group. False if there are fewer tiles.
DEVICE bool find_group(const i64 *ends, i64 experts, i64 tokens, i64 rows, i64 &slot, Group &group) {
    i64 from = 0;
    for (i64 e = 0; e <= experts; e++) {
        const i64 to = end_of(ends, e, experts, from, tokens), tiles = (to - from + rows - 1) / rows;
        if (slot < tiles) {
            group = {e, from, to};
            return true;
        }
        slot -= tiles;
        from = to;
    }
    return false;
}

template <class T>
DEVICE Product<T, T> product_of(const Group &group, const T *x, const T *w, T *out, i64 k, i64 experts, i64 wk,
                                i64 wn, i64 n, bool turned) {
    const bool real = group.expert < experts;
    return {{x + group.from * k, k, group.to - group.from, real ? k : 0, true},
            {real ? w + group.expert * wk * wn : w, wn, n, real ? k : 0, turned},
            {out + group.from * n, n, 1.0f, nullptr, nullptr, nullptr}};
}

// Tile number `index` of a grid of rows by columns, in strips of 8 rows: what neighbours read stays in L2.
DEVICE void place_of(i64 index, i64 rows, i64 columns, i64 &row, i64 &column) {
    const i64 strip = index / (8 * columns), within = index % (8 * columns);
    const i64 high = rows - strip * 8 < 8 ? rows - strip * 8 : 8;
    row = strip * 8 + within % high;
    column = within / high;
}
