// The loops around the inner kernel: which part of the operands is packed when, so that each level of cache keeps
// what the level above asks for again.
//
// For a strip of NC columns: for MC rows: for a block of depth: the rows' panels (they stay in L2) meet the
// columns' panels one after the other (each stays in L1 while all rows pass). A column panel is packed when it is
// first needed, so it comes from cache even then. Sums of one tile wait, where there are several blocks of depth,
// in a buffer of whole tiles; edges matter only when a tile is finished: scaled, rounded and stored.
//
// A Kernel has MR, NR (a tile), KC (words of depth in a block), MC, NC, the type Acc, a_panel and b_panel (words
// that a packed panel takes), a Session (what must hold while it runs), and tile().
#pragma once
#include <atomic>
#include <cstdlib>

#include "pack.h"
#include "parallel.h"

namespace gemm {

struct Operand {
    Lines lines;
    Pack pack;
    int per_word;
};

struct Output {
    void *data;
    int64_t ld, size;  // elements from row to row, bytes of one
    float alpha;
    const float *row_scale, *column_scale, *bias;  // each may be NULL

    // Ask for what will be written.
    void ask(int64_t i, int64_t j, int rows, int columns) const {
        for (int r = 0; r < rows; r++)
            for (int64_t at = 0; at < columns * size; at += 64)
                __builtin_prefetch((char *)data + ((i + r) * ld + j) * size + at, 1);
    }
};

typedef void (*Finish)(const void *tile, int64_t width, const Output &, int64_t i, int64_t j, int rows, int columns);

struct Range {
    int64_t from, to;
};

inline int64_t parts(int64_t n, int64_t size) { return (n + size - 1) / size; }
inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t rounded(int64_t n, int64_t to) { return parts(n, to) * to; }

// Memory of this thread that grows and is kept; NULL if there is none.
enum Slot { A_PANELS, B_PANELS, TILES, FEW, BIAS, SLOTS };
inline void *scratch(Slot slot, int64_t bytes) {
    struct Kept {
        void *data[SLOTS] = {};
        int64_t size[SLOTS] = {};
        ~Kept() {
            for (void *each : data) free(each);
        }
    };
    static thread_local Kept kept;
    if (bytes > kept.size[slot] || !kept.data[slot]) {
        free(kept.data[slot]);
        kept.size[slot] = rounded(bytes + 1, 4096);
        kept.data[slot] = aligned_alloc(4096, kept.size[slot]);
        if (!kept.data[slot]) kept.size[slot] = 0;
    }
    return kept.data[slot];
}

inline vf number(const float *p) { return load(p); }
inline vf number(const int32_t *p) { return __builtin_convertvector(raw<vi>(p), vf); }

template <class Acc, class O>
void finish(const void *tile, int64_t width, const Output &to, int64_t i, int64_t j, int rows, int columns) {
    for (int r = 0; r < rows; r++) {
        const Acc *c = (const Acc *)tile + r * width;
        O *out = (O *)to.data + (i + r) * to.ld + j;
        vf factor = splat(to.row_scale ? to.row_scale[i + r] : to.alpha);
        for (int v = 0; v < columns; v += W) {
            int count = columns - v;
            vf x = number(c + v) * factor;
            if (count >= W) {
                if (to.column_scale) x *= load(to.column_scale + j + v);
                if (to.bias) x += load(to.bias + j + v);
                store(out + v, x);
            } else {
                if (to.column_scale) x *= load_some(to.column_scale + j + v, count, 0);
                if (to.bias) x += load_some(to.bias + j + v, count, 0);
                store_some(out + v, count, x);
            }
        }
    }
}

// How a product is cut up, in words of depth.
template <class Kernel>
struct Cut {
    int64_t words, blocks, deep, rows, columns, strip;  // rows and columns in panels

    Cut(int64_t k, int per_word, int64_t m, int64_t n) {
        words = parts(k, per_word);
        deep = words ? rounded(parts(words, parts(words, Kernel::KC)), 16) : 16;
        blocks = words > deep ? parts(words, deep) : 1;
        rows = parts(least(m, Kernel::MC), Kernel::MR);
        int64_t kept = (int64_t(1) << 22) / (words + 1) / Kernel::NR;  // column panels of full depth: 16 MB
        strip = least(Kernel::NC / Kernel::NR, kept < 4 ? 4 : kept) * Kernel::NR;
        columns = parts(least(n, strip), Kernel::NR);
    }
};

// Rows i by columns j of the product, on this thread.
template <class Kernel>
int multiply(const Operand &a, const Operand &b, int64_t k, const Output &out, Finish finish, Range i, Range j) {
    typedef typename Kernel::Acc Acc;
    constexpr int MR = Kernel::MR, NR = Kernel::NR;
    const Cut<Kernel> cut(k, a.per_word, i.to - i.from, j.to - j.from);
    const int64_t a_size = Kernel::a_panel(cut.deep), b_size = Kernel::b_panel(cut.deep);
    const bool once = i.to - i.from <= Kernel::MC;  // a column panel is used by one set of rows: keep only one
    int32_t *rows = (int32_t *)scratch(A_PANELS, cut.rows * a_size * 4);
    int32_t *columns = (int32_t *)scratch(B_PANELS, (once ? 1 : cut.columns * cut.blocks) * b_size * 4);
    Acc *tiles = (Acc *)scratch(TILES, (cut.blocks > 1 ? cut.rows * cut.columns : 1) * MR * NR * 4);
    if (!rows || !columns || !tiles) return NO_MEMORY;
    typename Kernel::Session session;
    for (int64_t jc = j.from; jc < j.to; jc += cut.strip)
        for (int64_t ic = i.from; ic < i.to; ic += Kernel::MC)
            for (int64_t p = 0; p < cut.blocks; p++) {
                const int64_t first = p * cut.deep, words = least(cut.deep, cut.words - first);
                const int64_t i_end = least(i.to, ic + Kernel::MC), j_end = least(j.to, jc + cut.strip);
                for (int64_t ir = ic; ir < i_end; ir += MR)
                    a.pack(a.lines, ir, first * a.per_word, words, rows + (ir - ic) / MR * a_size);
                for (int64_t jr = jc; jr < j_end; jr += NR) {
                    const int64_t column = (jr - jc) / NR;
                    int32_t *panel = columns + (once ? 0 : column * cut.blocks + p) * b_size;
                    if (once || ic == i.from) b.pack(b.lines, jr, first * b.per_word, words, panel);
                    for (int64_t ir = ic; ir < i_end; ir += MR) {
                        const int64_t row = (ir - ic) / MR;
                        Acc *tile = tiles + (cut.blocks > 1 ? column * cut.rows + row : 0) * MR * NR;
                        const int high = int(least(MR, i_end - ir)), wide = int(least(NR, j_end - jr));
                        if (p + 1 == cut.blocks) out.ask(ir, jr, high, wide);
                        Kernel::tile(words, rows + row * a_size, panel, tile, p > 0, high);
                        if (p + 1 == cut.blocks) finish(tile, NR, out, ir, jr, high, wide);
                    }
                }
            }
    return OK;
}

// … on several threads, each with a part of the longer side.
template <class Kernel>
int divide(const Operand &a, const Operand &b, int64_t k, const Output &out, Finish finish, int threads) {
    const int64_t m = a.lines.lines, n = b.lines.lines;
    const bool by_columns = n >= m;
    const int64_t width = by_columns ? Kernel::NR : Kernel::MR, tiles = parts(by_columns ? n : m, width);
    const double worth = double(m) * double(n) * double(k) / (96.0 * 96 * 96);
    std::atomic<int> fault{OK};
    parallel_for(tiles, 1, worth < threads ? int(worth) : threads, [&](int64_t from, int64_t to) {
        Range part = {from * width, least(to * width, by_columns ? n : m)};
        Range rows = by_columns ? Range{0, m} : part, columns = by_columns ? part : Range{0, n};
        if (multiply<Kernel>(a, b, k, out, finish, rows, columns)) fault = NO_MEMORY;
    });
    return fault;
}

// body(index, threads) for each of a batch: side by side if there are enough, else one after the other.
template <class Body>
int for_batch(int64_t batch, int threads, Body body) {
    std::atomic<int> fault{OK};
    if (threads > 1 && batch >= threads) {
        parallel_for(batch, 1, threads, [&](int64_t from, int64_t to) {
            for (int64_t i = from; i < to; i++)
                if (int found = body(i, 1)) fault = found;
        });
        return fault;
    }
    for (int64_t i = 0; i < batch; i++)
        if (int found = body(i, threads)) return found;
    return fault;
}

// The ends of groups: from 0 up, none below the one before, none behind `tokens`.
inline bool ends_fit(const int64_t *ends, int64_t groups, int64_t tokens) {
    int64_t last = 0;
    for (int64_t e = 0; e < groups; last = ends[e++])
        if (ends[e] < last || ends[e] > tokens) return false;
    return true;
}

// A bias as float; NULL stays NULL. False if there is no memory.
inline bool widened(const float *bias, int64_t, const float **to) {
    *to = bias;
    return true;
}
template <class T>
bool widened(const T *bias, int64_t n, const float **to) {
    *to = nullptr;
    if (!bias) return true;
    float *wide = (float *)scratch(BIAS, n * 4);
    if (!wide) return false;
    for (int64_t j = 0; j < n; j++) wide[j] = widen(bias[j]);
    *to = wide;
    return true;
}

}  // namespace gemm
