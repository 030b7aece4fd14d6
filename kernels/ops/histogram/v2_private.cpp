// Several tables, used in turn, so that a count seldom waits for the one before it; every thread has its own, and
// they are added up at the end. Bins are found a vector at a time.
// Learned: four tables take away the wait. A bin found in float32 is right unless the value lies within the error of
// that arithmetic of an edge: there, one element in ten thousand, it is compared with the edges themselves.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <type_traits>

#include "parallel.h"
#include "simd.h"

using namespace simd;

constexpr int TABLES = 4;
constexpr int64_t SMALL = 1 << 12;    // bins: more of them do not fit the nearest cache several times
constexpr int64_t BLOCK = 256;        // elements whose bins are found before they are counted
constexpr int64_t GRAIN = 1 << 17;    // elements that are worth a thread
constexpr int64_t FLUSH = 1ll << 31;  // a table's counts have 32 bits

// The tables of one thread: 32 bits each; one more bin takes what is not counted.
struct Tables {
    int64_t bins, copies, width;
    uint32_t *counts = nullptr;
    explicit Tables(int64_t bins) : bins(bins), copies(bins <= SMALL ? TABLES : 1), width(bins + 1) {}
    int64_t size() const { return copies * width; }
    template <class I> void count(const I *at, int64_t n) {
        uint32_t *c = counts;
        int64_t i = 0;
        if (copies == TABLES)
            for (; i + TABLES <= n; i += TABLES) {
                c[at[i]]++;
                c[at[i + 1] + width]++;
                c[at[i + 2] + 2 * width]++;
                c[at[i + 3] + 3 * width]++;
            }
        for (; i < n; i++) c[at[i]]++;
    }
    void add_to(int64_t *total) {
        for (int64_t t = 0; t < copies; t++)
            for (int64_t b = 0; b < bins; b++) total[b] += counts[t * width + b];
        memset(counts, 0, size_t(size()) * 4);
    }
};

// body(tables, begin, end) for parts of [0, n) on tables of their own, and their sum in `counts`.
template <class Body>
static int count_all(int64_t *counts, int64_t n, int64_t bins, int threads, Body body) {
    memset(counts, 0, size_t(bins) * 8);
    int64_t parts = std::min<int64_t>(n / std::max(GRAIN, bins), threads);
    if (parts < 1) parts = 1;
    Tables shape(bins);
    uint32_t *memory = (uint32_t *)calloc(size_t(parts * shape.size()), 4);
    if (!memory) return NO_MEMORY;
    int fault = OK;
    for (int64_t first = 0; first < n && !fault; first += FLUSH) {
        int64_t some = std::min(FLUSH, n - first);
        parallel_for(parts, 1, threads, [&](int64_t from, int64_t to) {
            for (int64_t part = from; part < to; part++) {
                Tables mine = shape;
                mine.counts = memory + part * shape.size();
                int said = body(mine, first + some * part / parts, first + some * (part + 1) / parts);
                if (said)
#pragma omp atomic write
                    fault = said;
            }
        });
        for (int64_t part = 0; part < parts; part++) {
            Tables mine = shape;
            mine.counts = memory + part * shape.size();
            mine.add_to(counts);
        }
    }
    free(memory);
    return fault;
}

// ---- bins of equal width

struct Bins {
    int64_t bins;
    double low, high, step;
    float start, scale, doubt;  // how near an edge, in bins, the arithmetic in float32 may be wrong
    bool quick;                 // whether that leaves anything to be found in float32
    Bins(int64_t bins, double low, double high) : bins(bins), low(low), high(high) {
        step = (high - low) / double(bins);
        start = float(low);
        scale = float(double(bins) / (high - low));
        double largest = std::max(std::abs(low), std::abs(high));
        doubt = float((double(bins) + largest / (high - low) * double(bins)) * 0x1p-21);
        quick = doubt < 0.25f && high - low > 1e-30 && high - low < 1e38;
    }
    double edge(int64_t i) const {
        double above = double(i) * step;
        asm("" : "+x"(above));  // rounded by itself, as in numpy.linspace: no fused multiply-add
        return i == bins ? high : above + low;
    }
    int32_t exactly(double x) const {
        if (!(x >= low && x <= high)) return int32_t(bins);
        int64_t at = std::min(int64_t((x - low) / (high - low) * double(bins)), bins - 1);
        while (at > 0 && x < edge(at)) at--;
        while (at < bins - 1 && x >= edge(at + 1)) at++;
        return int32_t(at);
    }
    // The bins of W elements; false if one of them is in doubt.
    bool find(vf x, int32_t *at) const {
        vf place = (x - start) * scale;
        vi outside = ~((place >= -1.0f) & (place <= float(bins) + 1.0f));  // NaN too
        place = outside ? vf{} - 1.0f : place;
        vi bin = __builtin_convertvector(place, vi);
        vf part = place - __builtin_convertvector(bin, vf);
        vi unsure = ((part < doubt) | (part > 1.0f - doubt)) & ~outside;
        bin = outside ? splat_int(int32_t(bins)) : bin;
        memcpy(at, &bin, sizeof bin);
        int32_t lanes[W], any = 0;
        memcpy(lanes, &unsure, sizeof unsure);
        for (int i = 0; i < W; i++) any |= lanes[i];
        return !any;
    }
};

template <class T>
static int histogram(const T *x, int64_t *counts, int64_t n, int64_t bins, double low, double high, int threads) {
    Bins rule(bins, low, high);
    return count_all(counts, n, bins, threads, [=](Tables tables, int64_t begin, int64_t end) {
        int32_t at[BLOCK];
        for (int64_t first = begin; first < end; first += BLOCK) {
            int64_t some = std::min(BLOCK, end - first), i = 0;
            for (; rule.quick && i + W <= some; i += W)
                if (__builtin_expect(!rule.find(load(x + first + i), at + i), 0))
                    for (int k = 0; k < W; k++) at[i + k] = rule.exactly(widen(x[first + i + k]));
            for (; i < some; i++) at[i] = rule.exactly(widen(x[first + i]));
            tables.count(at, some);
        }
        return int(OK);
    });
}

// ---- whole numbers

template <class T>
static int bincount(const T *x, int64_t *counts, int64_t n, int64_t bins, int threads) {
    typedef std::make_unsigned_t<T> U;
    return count_all(counts, n, bins, threads, [=](Tables tables, int64_t begin, int64_t end) {
        for (int64_t first = begin; first < end; first += BLOCK) {
            int64_t some = std::min(BLOCK, end - first);
            U largest = 0;  // of numbers without a sign: those below 0 are the largest of all
            for (int64_t i = 0; i < some; i++) largest = std::max(largest, U(x[first + i]));
            if (int64_t(largest) < 0 || int64_t(largest) >= bins) return int(BAD_INDEX);
            tables.count(x + first, some);
        }
        return int(OK);
    });
}

// Bytes come eight in a word, and none can be outside of a table of 256.
template <>
int bincount(const uint8_t *x, int64_t *counts, int64_t n, int64_t bins, int threads) {
    int64_t all[256];
    int fault = count_all(all, n, 256, threads, [=](Tables tables, int64_t begin, int64_t end) {
        uint32_t *c = tables.counts;
        const int64_t width = tables.width;
        int64_t i = begin;
        for (; i + 8 <= end; i += 8) {
            uint64_t word;
            memcpy(&word, x + i, 8);
            c[word & 255]++;
            c[(word >> 8 & 255) + width]++;
            c[(word >> 16 & 255) + 2 * width]++;
            c[(word >> 24 & 255) + 3 * width]++;
            c[word >> 32 & 255]++;
            c[(word >> 40 & 255) + width]++;
            c[(word >> 48 & 255) + 2 * width]++;
            c[(word >> 56) + 3 * width]++;
        }
        for (; i < end; i++) c[x[i]]++;
        return int(OK);
    });
    for (int64_t b = 0; b < bins; b++) counts[b] = b < 256 ? all[b] : 0;
    for (int64_t b = bins; b < 256 && !fault; b++)
        if (all[b]) fault = BAD_INDEX;
    return fault;
}

#define DEFINE_HISTOGRAM(T, DTYPE)                                                                                   \
    KERNEL histogram_v2_private_##DTYPE(const T *x, int64_t *counts, int64_t n, int64_t bins, double low,            \
                                        double high, int threads) {                                                  \
        return histogram(x, counts, n, bins, low, high, threads);                                                    \
    }
DEFINE_HISTOGRAM(float, f32)
DEFINE_HISTOGRAM(bf16, bf16)
DEFINE_HISTOGRAM(f16, f16)
#define DEFINE_BINCOUNT(T, DTYPE)                                                                                    \
    KERNEL bincount_v2_private_##DTYPE(const T *x, int64_t *counts, int64_t n, int64_t bins, int threads) {          \
        return bincount(x, counts, n, bins, threads);                                                                \
    }
DEFINE_BINCOUNT(uint8_t, u8)
DEFINE_BINCOUNT(int32_t, i32)
DEFINE_BINCOUNT(int64_t, i64)
