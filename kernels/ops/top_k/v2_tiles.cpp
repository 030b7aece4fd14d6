// One reading of the row for the maxima of small groups of elements. The k-th largest of those maxima bounds the
// k-th largest element from below, and so few elements reach it that the rest is sorting a handful: only the tiles
// whose maxima reach the bound are looked at again.
// Learned: to compare floats with NaNs among them as whole numbers takes six instructions each; the largest by the
// floats' own instruction, with a sum beside it that tells of a NaN, takes two, and whole numbers are needed only
// for the maxima. Then this is the time of reading, and the same for every order of the elements. A threshold that rises while the row is read is as
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
constexpr int64_t AHEAD = 2048;   // elements to fetch ahead
static const float INF = std::numeric_limits<float>::infinity();
constexpr int64_t FEW = 256;      // up to so many are put in order by counting

// Whole numbers in the order of floats, -0 as 0 and every NaN the largest.
static inline vi key(vf x) {
    const vi u = bits<vi>(x + 0.0f);
    return x == x ? u ^ ((u >> 31) & 0x7fffffff) : splat_int(INT32_MAX);
}
static inline int32_t key(float x) {
    const int32_t u = bits<int32_t>(x + 0.0f);
    return x == x ? u ^ ((u >> 31) & 0x7fffffff) : INT32_MAX;
}
static inline float of_key(int32_t key) { return bits<float>(key ^ ((key >> 31) & 0x7fffffff)); }

static inline vi larger(vi a, vi b) { return a > b ? a : b; }

// A bit for each lane that is at least the bound.
static inline uint32_t reaching(vi keys, int32_t bound) {
#if defined(__AVX512F__)
    return _mm512_cmpge_epi32_mask((__m512i)keys, _mm512_set1_epi32(bound));
#elif defined(__AVX2__)
    return uint32_t(_mm256_movemask_ps((__m256)(keys >= bound)));
#else
    return uint32_t(_mm_movemask_ps((__m128)(keys >= bound)));
#endif
}

// A bit for each lane that is not below the bound, NaNs among them.
static inline uint32_t not_below(vf x, vf bound) {
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)x, (__m512)bound, _CMP_NLT_UQ);
#elif defined(__AVX2__)
    return uint32_t(_mm256_movemask_ps(_mm256_cmp_ps((__m256)x, (__m256)bound, _CMP_NLT_UQ)));
#else
    return uint32_t(_mm_movemask_ps(_mm_cmpnlt_ps((__m128)x, (__m128)bound)));
#endif
}

static int64_t count(const vi *keys, int64_t vectors, int32_t bound) {
    int64_t total = 0;
    for (int64_t i = 0; i < vectors; i++) total += __builtin_popcount(reaching(keys[i], bound));
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

struct TopAndSum {
    vf top = splat(-INF), sum = {};  // the largest leaves NaNs out; the sum is NaN if there is one

    void join(const TopAndSum &other) {
        top = max(other.top, top);
        sum += other.sum;
    }
};

// The largest key of each lane of a tile.
template <class T>
static inline vi maxima_of_tile(const T *x, int64_t n) {
    const TopAndSum found = fold(n, TopAndSum{}, [=](TopAndSum &a, int64_t j, auto lanes) {
        const vf value = get(x + j, lanes, -INF);
        fetch(x + j + AHEAD);
        a.top = max(value, a.top);
        a.sum += value;
    });
    if (!reaching(key(found.sum), INT32_MAX)) return key(found.top);
    vi keys = splat_int(INT32_MIN);
    each_vector(n, [&](int64_t j, auto lanes) { keys = larger(key(get(x + j, lanes, -INF)), keys); });
    return keys;
}

// tile(x, n, t) for every tile of a row, whole ones with a constant n.
template <class T, class Tile>
static inline void each_tile(const T *x, int64_t n, Tile tile) {
    int64_t t = 0;
    for (; (t + 1) * PER_TILE <= n; t++) tile(x + t * PER_TILE, PER_TILE, t);
    if (t * PER_TILE < n) tile(x + t * PER_TILE, n - t * PER_TILE, t);
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
        if (!reaching(scratch.maxima[from / PER_TILE], bound)) continue;
        each_vector(std::min(PER_TILE, n - from), [&](int64_t j, auto lanes) {
            uint32_t left = not_below(get(x + from + j, lanes, -INF), splat(of_key(bound)));
            if (n - from - j < W) left &= (1u << (n - from - j)) - 1;
            for (; left; left &= left - 1) {
                const int64_t place = from + j + __builtin_ctz(left);
                const int32_t at = key(widen(x[place]));
                if (at < bound || (at == least && ++equal > k)) continue;
                scratch.found[found++] = uint64_t(uint32_t(at) ^ 0x80000000u) << 32 | uint32_t(~uint32_t(place));
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
    const int64_t tiles = (n + PER_TILE - 1) / PER_TILE;
    each_tile(x, n, [&](const T *p, int64_t size, int64_t t) { scratch.maxima[t] = maxima_of_tile(p, size); });
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
    each_tile(x, n, [&](const T *p, int64_t size, int64_t t) {
        const vi top = maxima_of_tile(p, size);
        tile = top > best ? splat_int(int32_t(t)) : tile;
        best = larger(top, best);
    });
    int32_t most = best[0], first = INT32_MAX;
    for (int lane = 1; lane < W; lane++) most = std::max(most, best[lane]);
    for (int lane = 0; lane < W; lane++)
        if (best[lane] == most) first = std::min(first, tile[lane]);
    for (int64_t j = first * PER_TILE;; j++)
        if (key(widen(x[j])) == most) return j;
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
