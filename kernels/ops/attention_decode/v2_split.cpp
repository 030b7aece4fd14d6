// Keys in splits of 1024, each with its own largest logit, sum and weighted values, combined in their order: many
// processors can read one sequence, and the bits do not depend on how many do.
// Learned: the cache's way from memory is the limit, so a block of 64 keys and its values is read once for all query
// heads that share it; sixteen dot products are added up across lanes together, in 15 steps instead of 64; memory
// asked for a kilobyte ahead, line by line, came 10 % sooner, but a whole block at a time 20 % later. Keys are read one
// after the other, as they lie, not sixteen side by side: on a Zen 4 8,192 keys of 64 numbers went from 0.89 of NumPy's
// speed to 1.15.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <utility>

#include "parallel.h"
#include "simd.h"

using namespace simd;

namespace {

constexpr int64_t SPLIT = 1024, BLOCK = 64;  // keys
constexpr float NONE = -std::numeric_limits<float>::infinity();

inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

template <class T>
struct Call {
    const T *q, *k, *v;
    const int32_t *table, *lengths;
    T *out;
    float *lse;
    int64_t b, hq, n, d, blocks, size, hk, e, most;
    float scale;

    int64_t rows() const { return hq / hk * n; }  // of queries to a head of keys
    int64_t capacity() const { return (table ? most : 1) * size; }
    int64_t length(int64_t ib) const { return lengths ? lengths[ib] : capacity(); }
    int64_t splits(int64_t ib) const { return (length(ib) + SPLIT - 1) / SPLIT; }
    int64_t wide() const { return round_up(d, W); }
    int64_t ld() const { return round_up(e, W); }

    // Where key j is, in rows of the cache; how far the next one is; how many follow at that distance.
    int64_t place(int64_t ib, int64_t ik, int64_t j) const {
        if (!table) return (ib * hk + ik) * size + j;
        return (table[ib * most + j / size] * size + j % size) * hk + ik;
    }
    int64_t step() const { return table ? hk : 1; }
    // How far ahead of its use memory is asked for: a kilobyte, or four keys that do not lie together.
    int64_t ahead(int64_t distance) const { return table ? 4 * distance : 1024 / int64_t(sizeof(T)); }
    int64_t run(int64_t j) const { return table ? size - j % size : size; }

    bool bad() const {
        for (int64_t i = 0; i < b; i++) {
            if (length(i) < 0 || length(i) > capacity()) return true;
            for (int64_t j = 0; table && j * size < length(i); j++)
                if (table[i * most + j] < 0 || table[i * most + j] >= blocks) return true;
        }
        return false;
    }
};

// A row's part of the result: weighted values, then the largest logit and the sum of weights.
struct Part {
    float *sums, *top, *total;
    Part(float *at, int64_t ld) : sums(at), top(at + ld), total(at + ld + 1) {}
    static int64_t floats(int64_t ld) { return ld + W; }
};

template <class T>
inline vf load_part(const T *x, int64_t n) {
    return n >= W ? load(x) : load_some(x, int(n), 0);
}

// The sum across the lanes of each of W vectors, the one of vector i in lane i.
template <int S, int... J>
inline void sum_lanes(vf *r, std::integer_sequence<int, J...> all) {
    if constexpr (S < W) {
#pragma GCC unroll 16
        for (int i = 0; i < W; i += 2 * S) {
            vf low = __builtin_shufflevector(r[i], r[i + S], ((J & S) ? W + J - S : J)...);
            vf high = __builtin_shufflevector(r[i], r[i + S], ((J & S) ? W + J : J + S)...);
            r[i] = low + high;
        }
        sum_lanes<2 * S>(r, all);
    }
}

// The dot products of a query (padded with zeros) and `n` keys, up to W, `step` numbers apart.
template <class T>
inline vf dots(const float *q, const T *k, int64_t step, int64_t ahead, int64_t d, int64_t n) {
    vf r[W];
    if (n == W && d % W == 0) {
#pragma GCC unroll 16
        for (int i = 0; i < W; i++) {  // key after key, as they lie
            r[i] = vf{};
            for (int64_t t = 0; t < d; t += W) {
                r[i] += load(q + t) * load(k + i * step + t);
                __builtin_prefetch(k + i * step + t + ahead);
            }
        }
    } else {
        for (int i = 0; i < W; i++) {
            r[i] = vf{};
            for (int64_t t = 0; i < n && t < d; t += W) r[i] += load(q + t) * load_part(k + i * step + t, d - t);
        }
    }
    sum_lanes<1>(r, std::make_integer_sequence<int, W>());
    return r[0];
}

// sums += weights times values: up to four vectors of columns held in registers while keys pass by.
template <int C, class T>
inline void gather(float *sums, const float *p, const T *v, int64_t step, int64_t ahead, int64_t n, int64_t columns) {
    vf held[C];
#pragma GCC unroll 4
    for (int c = 0; c < C; c++) held[c] = vf{};
    for (int64_t j = 0; j < n; j++, v += step) {
        vf x = splat(p[j]);
#pragma GCC unroll 4
        for (int c = 0; c < C; c++) {
            held[c] += x * (columns >= C * W ? load(v + c * W) : load_part(v + c * W, columns - c * W));
            __builtin_prefetch(v + c * W + ahead);
        }
    }
#pragma GCC unroll 4
    for (int c = 0; c < C; c++) store(sums + c * W, load(sums + c * W) + held[c]);
}

// The keys of a block, at most BLOCK of them, for one row, which sees `seen` of them.
template <class T>
void take(const Call<T> &z, const float *q, const T *k, const T *v, int64_t seen, Part part) {
    alignas(64) float s[BLOCK];
    int64_t key = z.step() * z.d, value = z.step() * z.e;  // from one to the next
    vf top = splat(NONE), total = {};
    for (int64_t j = 0; j < seen; j += W) {
        vf x = dots(q, k + j * key, key, z.ahead(key), z.d, std::min<int64_t>(W, seen - j)) * z.scale;
        for (int i = int(seen - j); i < W; i++) x[i] = NONE;
        top = max(x, top);
        store(s + j, x);
    }
    float before = *part.top, now = std::max(before, max_of(top)), reference = now == NONE ? 0 : now;
    int64_t ld = z.ld();
    if (now != before) {
        float factor = std::exp(before - reference);
        for (int64_t t = 0; t < ld; t += W) store(part.sums + t, load(part.sums + t) * factor);
        *part.total *= factor;
        *part.top = now;
    }
    for (int64_t j = 0; j < seen; j += W) {
        vf y = exp(load(s + j) - reference);
        total += y;
        store(s + j, y);
    }
    *part.total += sum(total);
    int64_t t = 0;
    for (; t + 4 * W <= ld; t += 4 * W) gather<4>(part.sums + t, s, v + t, value, z.ahead(value), seen, z.e - t);
    for (; t < ld; t += W) gather<1>(part.sums + t, s, v + t, value, z.ahead(value), seen, z.e - t);
}

// One split of one head of keys, for all rows; the parts of the rows lie one after the other.
template <class T>
void split(const Call<T> &z, int64_t ib, int64_t ik, int64_t from, const float *q, float *parts) {
    int64_t length = z.length(ib), to = std::min(from + SPLIT, length), size = Part::floats(z.ld());
    for (int64_t r = 0; r < z.rows(); r++) {
        memset(parts + r * size, 0, size * sizeof(float));
        *Part(parts + r * size, z.ld()).top = NONE;
    }
    for (int64_t j = from; j < to;) {
        int64_t many = std::min({BLOCK, to - j, z.run(j)}), at = z.place(ib, ik, j);
        for (int64_t r = 0; r < z.rows(); r++) {
            int64_t limit = length - z.n + 1 + r % z.n;
            int64_t seen = std::min(many, limit - j);
            if (seen > 0) take(z, q + r * z.wide(), z.k + at * z.d, z.v + at * z.e, seen, Part(parts + r * size, z.ld()));
        }
        j += many;
    }
}

// The splits of a row, `step` floats apart, are added up in the first one and become its result.
template <class T>
void combine(const Call<T> &z, float *parts, int64_t count, int64_t step, T *out, float *lse) {
    int64_t ld = z.ld();
    float top = NONE, total = 0;
    for (int64_t s = 0; s < count; s++) top = std::max(top, *Part(parts + s * step, ld).top);
    float reference = top == NONE ? 0 : top;
    for (int64_t s = 0; s < count; s++) {
        Part part(parts + s * step, ld);
        float factor = std::exp(*part.top - reference);
        total += *part.total * factor;
        for (int64_t t = 0; t < ld; t += W) {
            vf x = load(part.sums + t) * factor;
            store(parts + t, s ? load(parts + t) + x : x);
        }
    }
    for (int64_t t = 0; t < z.e; t++) out[t] = narrow<T>(total == 0 ? 0 : parts[t] / total);
    if (lse) *lse = total == 0 ? NONE : reference + std::log(total);
}

// The query, padded, and for each sequence the split it begins with; then the parts.
template <class T>
float *lay_out(const Call<T> &z, int64_t **first, float **q) {
    int64_t total = 0, rows = z.b * z.hq * z.n, wide = z.wide();
    for (int64_t i = 0; i < z.b; i++) total += z.splits(i) * z.hk;
    int64_t floats = rows * wide + total * z.rows() * Part::floats(z.ld());
    char *memory = static_cast<char *>(malloc((z.b + 1) * sizeof(int64_t) + floats * sizeof(float)));
    if (!memory) return nullptr;
    *first = reinterpret_cast<int64_t *>(memory);
    *q = reinterpret_cast<float *>(memory + (z.b + 1) * sizeof(int64_t));
    total = 0;
    for (int64_t i = 0; i < z.b; i++) (*first)[i] = total, total += z.splits(i) * z.hk;
    (*first)[z.b] = total;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t t = 0; t < wide; t += W) store(*q + i * wide + t, load_part(z.q + i * z.d + t, z.d - t));
    return *q + rows * wide;
}

template <class T>
int decode(const Call<T> &z, int threads) {
    if (z.b * z.hq * z.n == 0) return OK;
    if (z.bad()) return BAD_INDEX;
    int64_t rows = z.rows(), size = Part::floats(z.ld()), *first;
    float *q, *parts = lay_out(z, &first, &q);
    if (!parts) return NO_MEMORY;
    parallel_for(first[z.b], 1, threads, [&](int64_t from, int64_t to) {
        for (int64_t job = from; job < to; job++) {
            int64_t ib = std::upper_bound(first, first + z.b + 1, job) - first - 1, own = job - first[ib];
            int64_t ik = own / z.splits(ib), head = ib * z.hk + ik;
            split(z, ib, ik, own % z.splits(ib) * SPLIT, q + head * rows * z.wide(), parts + job * rows * size);
        }
    });
    parallel_for(z.b * z.hq * z.n, 64, threads, [&](int64_t from, int64_t to) {
        for (int64_t row = from; row < to; row++) {
            int64_t ib = row / (z.hk * rows), ik = row / rows % z.hk, count = z.splits(ib);
            combine(z, parts + ((first[ib] + ik * count) * rows + row % rows) * size, count, rows * size,
                    z.out + row * z.e, z.lse ? z.lse + row : nullptr);
        }
    });
    free(first);
    return OK;
}

}  // namespace

#define DEFINE(T, NAME)                                                                                                \
    KERNEL attention_decode_v2_split_##NAME(const T *q, const T *k, const T *v, const int32_t *lengths, T *out,        \
                                            float *lse, int64_t b, int64_t hq, int64_t n, int64_t d, int64_t hk,       \
                                            int64_t cap, int64_t e, double scale, int threads) {                       \
        return decode<T>({q, k, v, nullptr, lengths, out, lse, b, hq, n, d, 0, cap, hk, e, 0, float(scale)}, threads); \
    }                                                                                                                  \
    KERNEL attention_decode_paged_v2_split_##NAME(                                                                     \
        const T *q, const T *k, const T *v, const int32_t *table, const int32_t *lengths, T *out, float *lse,          \
        int64_t b, int64_t hq, int64_t n, int64_t d, int64_t blocks, int64_t size, int64_t hk, int64_t e,              \
        int64_t most, double scale, int threads) {                                                                     \
        return decode<T>({q, k, v, table, lengths, out, lse, b, hq, n, d, blocks, size, hk, e, most, float(scale)},    \
                         threads);                                                                                     \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
