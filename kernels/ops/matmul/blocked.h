// The loops around the inner kernel: which part of the operands is packed when, so that each level of cache keeps
// what the level above asks for again.
//
// For a strip of NC columns: for a block of depth: the columns' panels (they stay in L2) meet the rows' panels one
// after the other (each stays in L1 while all columns pass). A panel is packed when it is first needed, so it comes
// from cache even then; a Kernel that reads floats reads rows where they are, and columns too where they lie close
// together. Between blocks of depth sums wait in the result itself, if its elements are as wide as they are; else in
// a buffer, for MC rows at a time. Edges matter only when a tile is finished: scaled, rounded and stored.
//
// A Kernel has MR and NR (the largest tile), KC (words of depth in a block), MC, NC, the type Acc, MORE (words behind
// a column panel, per column), WHOLE (tiles are written up to MR and NR whatever their size), IN_ROWS (it can read
// columns where they are, packing them on the way), a Session (what must hold while it runs), and tile().
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
    bool as_it_is;  // words are elements: it need not be packed
};

struct Output {
    void *data;
    int64_t ld, size;  // elements from row to row, bytes of one
    float alpha;
    const float *row_scale, *column_scale, *bias;  // each may be NULL
};

struct Sums {  // of a tile
    void *data;
    int64_t ld;
};

// What is there (and what was there before, if anything) to rows and columns of the result.
typedef void (*Finish)(Sums now, Sums before, const Output &, int64_t i, int64_t j, int rows, int columns);

struct Range {
    int64_t from, to;
};

inline int64_t parts(int64_t n, int64_t size) { return (n + size - 1) / size; }
inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t rounded(int64_t n, int64_t to) { return parts(n, to) * to; }

constexpr int64_t NEAR = 256;  // words from row to row up to which columns are read where they are, if they lie on
constexpr int64_t LINE = 64;   // … bytes of a line of the cache: a vector from two lines takes twice as long

// Memory of this thread that grows and is kept; NULL if there is none.
enum Slot { ROWS, COLUMNS, KEPT, FEW, SUMMED, BIAS, SLOTS };
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

// Lanes behind n may hold anything.
inline vf some(const float *p, int64_t n) { return n >= W ? load(p) : load_some(p, int(n), 0); }
inline vi some(const int32_t *p, int64_t n) {
    return n >= W ? raw<vi>(p) : bits<vi>(load_some((const float *)p, int(n), 0));
}
template <class O>
inline void put(O *p, int64_t n, vf x) {
    if (n >= W)
        store(p, x);
    else
        store_some(p, int(n), x);
}
#if defined(__AVX512BF16__)
inline void put(bf16 *p, int64_t n, vf x) {  // in one instruction, to which subnormals are 0 as to the tiles
    const __mmask16 there = n >= W ? 0xffff : __mmask16((1u << n) - 1);
    _mm256_mask_storeu_epi16(p, there, (__m256i)_mm512_cvtneps_pbh((__m512)x));
}
#endif
inline vf real(vf x) { return x; }
inline vf real(vi x) { return __builtin_convertvector(x, vf); }

template <class Acc, class O>
void finish(Sums now, Sums before, const Output &to, int64_t i, int64_t j, int rows, int columns) {
    for (int r = 0; r < rows; r++) {
        const Acc *c = (const Acc *)now.data + r * now.ld, *more = (const Acc *)before.data + r * before.ld;
        O *out = (O *)to.data + (i + r) * to.ld + j;
        const vf factor = splat(to.row_scale ? to.row_scale[i + r] : to.alpha);
        for (int v = 0; v < columns; v += W) {
            const int n = columns - v;
            auto sum = some(c + v, W);
            if (before.data) sum += some(more + v, n);
            vf x = real(sum) * factor;
            if (to.column_scale) x *= some(to.column_scale + j + v, n);
            if (to.bias) x += some(to.bias + j + v, n);
            put(out + v, n, x);
        }
    }
}

// Sums that wait for the next block of depth.
template <class Acc>
void keep(const Acc *now, int64_t ld, Acc *kept, int64_t kept_ld, bool add, int rows, int columns) {
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) kept[r * kept_ld + c] = now[r * ld + c] + (add ? kept[r * kept_ld + c] : 0);
}

// How a product is cut up, in words of depth.
template <class Kernel>
struct Cut {
    int64_t words, blocks, deep, rows, strip;
    bool apart;  // sums wait in a buffer

    Cut(int64_t k, int per_word, int64_t m, int64_t n, bool narrow) {
        words = parts(k, per_word);
        deep = words ? rounded(parts(words, parts(words, Kernel::KC)), 16) : 16;
        blocks = words > deep ? parts(words, deep) : 1;
        apart = narrow && blocks > 1;
        rows = apart ? least(m, Kernel::MC) : m;
        strip = rounded(parts(n, parts(n, Kernel::NC)), Kernel::NR);  // all about as wide
        if (rows < m) {  // the strip's panels are kept in full depth: in 16 MB
            int64_t kept = (int64_t(1) << 22) / (words + 1) / Kernel::NR;
            strip = least(strip, (kept < 4 ? 4 : kept) * Kernel::NR);
        }
    }
};

// The columns of a strip as panels: of NR columns, but of one vector less than that where one alone would be left
// over, as a panel that narrow does not keep the multipliers busy.
template <class Kernel>
struct Panels {
    int64_t columns, count, vectors, narrow;  // narrow: the first panel that has one vector less
    explicit Panels(int64_t columns) : columns(columns) {
        constexpr int NV = Kernel::NR / W;
        const int64_t all = parts(columns, W);
        count = parts(all, NV);
        narrow = NV > 2 && all % NV == 1 && count > NV - 2 ? count - (NV - 1) : count;
    }
    int64_t from(int64_t panel) const { return panel * Kernel::NR - (panel > narrow ? (panel - narrow) * W : 0); }
    int wide(int64_t panel) const { return int((panel + 1 < count ? from(panel + 1) : columns) - from(panel)); }
};

// Rows i by columns j of the product, on this thread.
template <class Kernel>
struct Multiplication {
    typedef typename Kernel::Acc Acc;
    static constexpr int MR = Kernel::MR, NR = Kernel::NR;
    const Operand &a, &b;
    const Output &out;
    Finish finish;
    Range i, j;
    Cut<Kernel> cut;
    bool plain, b_in_rows, near;  // sums are the result; columns could be read where they are; they are
    int64_t a_size, b_size;
    int32_t *rows, *columns;
    Acc *kept;

    Multiplication(const Operand &a, const Operand &b, int64_t k, const Output &out, Finish finish, Range i, Range j)
        : a(a), b(b), out(out), finish(finish), i(i), j(j),
          cut(k, a.per_word, i.to - i.from, j.to - j.from, out.size != sizeof(Acc)) {
        plain = std::is_same_v<Acc, float> && out.size == 4 && out.alpha == 1 && !out.row_scale && !out.bias;
        b_in_rows = Kernel::IN_ROWS && b.as_it_is && !b.lines.deep;
        near = b_in_rows && b.lines.ld <= NEAR && (uintptr_t(b.lines.data) | b.lines.ld * 4) % LINE == 0;
        a_size = cut.deep * rounded(MR, W);
        b_size = (cut.deep + Kernel::MORE) * NR;
    }
    // Whether each column panel meets all rows at once, and is not needed again.
    bool once() const { return cut.rows >= i.to - i.from; }

    int run() {
        const int64_t panels = cut.strip / NR;
        rows = (int32_t *)scratch(ROWS, a_size * 4);
        columns = (int32_t *)scratch(COLUMNS, panels * b_size * (once() ? 1 : cut.blocks) * 4);
        kept = cut.apart ? (Acc *)scratch(KEPT, rounded(cut.rows, MR) * cut.strip * 4) : nullptr;
        if (!rows || !columns || (cut.apart && !kept)) return NO_MEMORY;
        typename Kernel::Session session;
        for (int64_t jc = j.from; jc < j.to; jc += cut.strip)
            for (int64_t ic = i.from; ic < i.to; ic += cut.rows)
                for (int64_t p = 0; p < cut.blocks; p++)
                    block(p, {ic, least(ic + cut.rows, i.to)}, {jc, least(jc + cut.strip, j.to)});
        return OK;
    }

    void block(int64_t p, Range part, Range strip) {
        const int64_t first = p * cut.deep, words = least(cut.deep, cut.words - first);
        const Panels<Kernel> panels(strip.to - strip.from);
        int32_t *packed = columns + (once() ? 0 : p * (cut.strip / NR) * b_size);
        for (int64_t ir = part.from; ir < part.to; ir += MR) {
            const bool fresh = ir == part.from && (once() || part.from == i.from);
            const int high = int(least(MR, part.to - ir));
            const Panel left = a.pack(a.lines, ir, high, first * a.per_word, words, rows);
            for (int64_t q = 0; q < panels.count; q++) {
                const int64_t jr = strip.from + panels.from(q);
                const int wide = panels.wide(q);
                int32_t *panel = packed + q * b_size, *to = nullptr;
                Panel right = {panel, 1, NR};
                if (b_in_rows && wide % W == 0 && (near || (fresh && high == MR))) {
                    right = {(const int32_t *)b.lines.data + first * b.lines.ld + jr, 1, b.lines.ld};
                    if (!near) to = panel;
                } else if (fresh) {
                    b.pack(b.lines, jr, int(rounded(wide, W)), first * b.per_word, words, panel);
                }
                tile({ir, jr, high, wide}, p, words, left, right, to, sums_of(ir - part.from, jr - strip.from, ir, jr));
            }
        }
    }

    struct Place {
        int64_t i, j;
        int rows, columns;
    };
    Sums sums_of(int64_t row, int64_t column, int64_t ir, int64_t jr) const {
        if (cut.apart) return {kept + row * cut.strip + column, cut.strip};
        return {(Acc *)out.data + ir * out.ld + jr, out.ld};
    }

    // A tile, packing to `pack` on the way if that is something; `to` is where sums wait.
    void tile(Place at, int64_t p, int64_t words, Panel left, Panel right, int32_t *pack, Sums to) {
        const bool last = p + 1 == cut.blocks;
        const bool whole = Kernel::WHOLE ? at.rows == MR && at.columns == NR : at.columns % W == 0;
        const bool direct = whole && (plain || !last);
        alignas(64) Acc sums[MR * NR];
        const Sums now = direct ? to : Sums{sums, NR};
        if constexpr (Kernel::IN_ROWS)
            if (pack)
                Kernel::tile_and_pack(at.columns, words, left, right, (Acc *)now.data, now.ld, direct && p > 0, pack);
        if (!pack) Kernel::tile(at.rows, at.columns, words, left, right, (Acc *)now.data, now.ld, direct && p > 0);
        if (direct) return;
        if (last)
            finish(now, p ? to : Sums{}, out, at.i, at.j, at.rows, at.columns);
        else
            keep(sums, NR, (Acc *)to.data, to.ld, p > 0, at.rows, at.columns);
    }
};

// … on several threads, each with a part of the columns (what is packed is then packed once) or of the rows.
template <class Kernel>
int divide(const Operand &a, const Operand &b, int64_t k, const Output &out, Finish finish, int threads) {
    const int64_t m = a.lines.lines, n = b.lines.lines;
    const bool by_columns = n >= m || n >= 4 * Kernel::NR * threads;
    const int64_t width = by_columns ? Kernel::NR : Kernel::MR, tiles = parts(by_columns ? n : m, width);
    const double worth = double(m) * double(n) * double(k) / (96.0 * 96 * 96);
    std::atomic<int> fault{OK};
    parallel_for(tiles, 1, worth < threads ? int(worth) : threads, [&](int64_t from, int64_t to) {
        Range part = {from * width, least(to * width, by_columns ? n : m)};
        Range rows = by_columns ? Range{0, m} : part, columns = by_columns ? part : Range{0, n};
        if (Multiplication<Kernel>(a, b, k, out, finish, rows, columns).run()) fault = NO_MEMORY;
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
