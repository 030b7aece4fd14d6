// One reading of the row for the maxima of small groups of elements. The k-th largest of those maxima bounds the
// k-th largest element from below, and so few elements reach it that the rest is sorting a handful: only the tiles
// whose maxima reach the bound are looked at again.
// Learned: this costs the same for every order of the elements. A threshold that rises while the row is read is as
// fast on random rows, but sinks into sorting on a rising one.
#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <new>

#include "rows.h"

using namespace simd;

constexpr int TILE = 16;          // vectors; lane l of a tile is a group of 16 elements
constexpr int64_t PER_TILE = TILE * W;
constexpr int64_t FEW = 256;      // up to so many are put in order by counting

// Whole numbers in the order of floats, -0 as 0 and every NaN the largest.
static inline vi key(vf x) {
    const vi u = bits<vi>(x + 0.0f);
    return x == x ? u ^ ((u >> 31) & 0x7fffffff) : splat_int(INT32_MAX);
}

template <class T, class Lanes>
static inline vi key_at(const T *p, Lanes lanes) {
    return key(get(p, lanes, -std::numeric_limits<float>::infinity()));
}

static inline vi larger(vi a, vi b) { return a > b ? a : b; }

// A bit for each lane that is -1.
static inline uint32_t bits_of(vi mask) {
#if defined(__AVX512F__)
    return _mm512_movepi32_mask((__m512i)mask);
#elif defined(__AVX2__)
    return uint32_t(_mm256_movemask_ps((__m256)mask));
#else
    return uint32_t(_mm_movemask_ps((__m128)mask));
#endif
}

static int64_t count(const vi *keys, int64_t vectors, int32_t bound) {
    vi reaching = {};
    for (int64_t i = 0; i < vectors; i++) reaching -= keys[i] >= bound;
    int64_t total = 0;
    for (int lane = 0; lane < W; lane++) total += reaching[lane];
    return total;
}

// The k-th largest, found bit by bit: the largest bound that k of the keys reach.
static int32_t kth_largest(const vi *keys, int64_t vectors, int64_t k) {
    int64_t low = INT32_MIN, high = int64_t(INT32_MAX) + 1;
    while (high - low > 1) {
        const int64_t middle = (low + high) >> 1;
        (count(keys, vectors, int32_t(middle)) >= k ? low : high) = middle;
    }
    return int32_t(low);
}

struct Scratch {
    std::unique_ptr<vi[]> maxima;      // of tiles
    std::unique_ptr<vi[]> merged;      // of groups of tiles
    std::unique_ptr<uint64_t[]> found; // key and place as one number: the larger one comes first
    std::unique_ptr<uint64_t[]> sorted;

    Scratch(int64_t n, int64_t tiles)
        : maxima(new (std::nothrow) vi[tiles + 1]), merged(new (std::nothrow) vi[tiles + 1]),
          found(new (std::nothrow) uint64_t[n + 1]), sorted(new (std::nothrow) uint64_t[FEW]) {}

    bool there() const { return maxima && merged && found && sorted; }
};

template <class T>
static vi maxima_of_tile(const T *x, int64_t n) {
    vi top = splat_int(INT32_MIN);
    each_vector(n, [&](int64_t j, auto lanes) { top = larger(key_at(x + j, lanes), top); });
    return top;
}

// What the k-th largest element is at least: the k-th largest of the maxima of 4 k groups or more. INT32_MIN, which
// every key is beyond, where the row is too short for that.
static int32_t lower_bound(Scratch &scratch, int64_t tiles, int64_t k) {
    const int64_t wanted = std::min(tiles, std::max<int64_t>(16, (4 * k + W - 1) / W));
    if (wanted * W < 2 * k) return INT32_MIN;
    std::copy_n(scratch.maxima.get(), wanted, scratch.merged.get());
    for (int64_t t = wanted; t < tiles; t++)
        scratch.merged[t % wanted] = larger(scratch.maxima[t], scratch.merged[t % wanted]);
    return kth_largest(scratch.merged.get(), wanted, k);
}

// The elements of a row that may be among the k largest: those beyond the bound, and the first k that equal it.
template <class T>
static int64_t collect(const T *x, int64_t n, int64_t k, int32_t bound, Scratch &scratch) {
    int64_t found = 0, equal = 0;
    const int32_t least = bound;
    for (int64_t from = 0; from < n; from += PER_TILE) {
        if (!bits_of(scratch.maxima[from / PER_TILE] >= bound)) continue;
        each_vector(std::min(PER_TILE, n - from), [&](int64_t j, auto lanes) {
            const vi keys = key_at(x + from + j, lanes);
            uint32_t reaching = bits_of(keys >= bound);
            if (n - from - j < W) reaching &= (1u << (n - from - j)) - 1;
            for (; reaching; reaching &= reaching - 1) {
                const int lane = __builtin_ctz(reaching);
                const int32_t at = keys[lane];
                if (at == least && ++equal > k) continue;
                scratch.found[found++] =
                    uint64_t(uint32_t(at) ^ 0x80000000u) << 32 | uint32_t(~uint32_t(from + j + lane));
            }
        });
        if (equal >= k) {
            if (least == INT32_MAX) break;  // nothing is beyond NaN
            bound = least + 1;
        }
    }
    return found;
}

// The k largest in falling order, in front.
static void order(Scratch &scratch, int64_t found, int64_t k) {
    uint64_t *keys = scratch.found.get(), *sorted = scratch.sorted.get();
    if (found > FEW) {
        if (k < found) std::nth_element(keys, keys + k, keys + found, std::greater<uint64_t>());
        std::sort(keys, keys + k, std::greater<uint64_t>());
        return;
    }
    for (int64_t i = 0; i < found; i++) {
        const uint64_t mine = keys[i];
        uint64_t place = 0;
        for (int64_t j = 0; j < found; j++) place += keys[j] > mine;
        sorted[place] = mine;
    }
    std::copy_n(sorted, k, keys);
}

template <class T>
static void row(const T *x, T *values, int64_t *indices, int64_t n, int64_t k, Scratch &scratch) {
    int64_t tiles = 0;
    for (int64_t from = 0; from < n; from += PER_TILE)
        scratch.maxima[tiles++] = maxima_of_tile(x + from, std::min(PER_TILE, n - from));
    const int32_t bound = lower_bound(scratch, tiles, k);
    order(scratch, collect(x, n, k, bound, scratch), k);
    for (int64_t i = 0; i < k; i++) {
        const int64_t at = int64_t(~uint32_t(scratch.found[i]));
        values[i] = x[at];
        indices[i] = at;
    }
}

template <class T>
static int top_k(const T *x, T *values, int64_t *indices, int64_t rows, int64_t n, int64_t k, int threads) {
    std::atomic<bool> failed{false};
    parallel_for(rows, 65536 / (n + 1) + 1, threads, [=, &failed](int64_t from, int64_t to) {
        Scratch scratch(n, (n + PER_TILE - 1) / PER_TILE);
        if (!scratch.there()) {
            failed = true;
            return;
        }
        for (int64_t i = from; i < to; i++) row(x + i * n, values + i * k, indices + i * k, n, k, scratch);
    });
    return failed ? NO_MEMORY : OK;
}

// Each lane keeps its largest key and the first tile that had it; the first of these tiles has the element.
template <class T>
static int64_t argmax_row(const T *x, int64_t n) {
    vi best = splat_int(INT32_MIN), tile = {};
    for (int64_t from = 0; from < n; from += PER_TILE) {
        const vi top = maxima_of_tile(x + from, std::min(PER_TILE, n - from));
        tile = top > best ? splat_int(int32_t(from / PER_TILE)) : tile;
        best = larger(top, best);
    }
    int32_t most = best[0], first = INT32_MAX;
    for (int lane = 1; lane < W; lane++) most = std::max(most, best[lane]);
    for (int lane = 0; lane < W; lane++)
        if (best[lane] == most) first = std::min(first, tile[lane]);
    for (int64_t j = first * PER_TILE;; j++)
        if (key(splat(widen(x[j])))[0] == most) return j;
}

#define DEFINE(T, NAME)                                                                                          \
    KERNEL top_k_v2_tiles_##NAME(const T *x, T *values, int64_t *indices, int64_t rows, int64_t n, int64_t k,    \
                                 int threads) {                                                                  \
        return top_k(x, values, indices, rows, n, k, threads);                                                   \
    }                                                                                                            \
    KERNEL argmax_v2_tiles_##NAME(const T *x, int64_t *index, int64_t rows, int64_t n, int threads) {            \
        return each_row(rows, n, threads, [=](int64_t i) { index[i] = argmax_row(x + i * n, n); });              \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
