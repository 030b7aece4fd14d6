// A block to a row, digit by digit of eight bits from the lowest: count the digits, add up where each begins, move the
// elements there in the order they come in, which keeps what earlier digits have put in order.
// Learned: lanes with the same digit find each other in one instruction, and warps tell each other their counts through
// shared memory, so no two elements race for a place. One long row uses one processor of the card.
#include "kernel.cuh"

constexpr int DIGITS = 256, WARPS = 8;

// Whole numbers without a sign in the order of T; a NaN is the largest.
template <class T>
struct Order;
template <>
struct Order<float> {
    typedef u32 Key;
    static constexpr int PASSES = 4;
    DEVICE static u32 key(float x) {
        const u32 u = __float_as_uint(x);
        return x != x ? ~0u : u >> 31 ? ~u : u | 1u << 31;
    }
    DEVICE static float value(u32 k) { return __uint_as_float(k >> 31 ? k & 0x7fffffffu : ~k); }
};
template <class T>
struct Order16 {
    typedef u32 Key;
    static constexpr int PASSES = 2;
    DEVICE static u32 key(T x) {
        const float wide = widen(x);
        return wide != wide ? 0xffffu : x.bits >> 15 ? ~x.bits & 0xffffu : x.bits | 0x8000u;
    }
    DEVICE static T value(u32 k) { return {static_cast<u16>(k >> 15 ? k & 0x7fffu : ~k)}; }
};
template <>
struct Order<bf16> : Order16<bf16> {};
template <>
struct Order<f16> : Order16<f16> {};
template <>
struct Order<int> {
    typedef u32 Key;
    static constexpr int PASSES = 4;
    DEVICE static u32 key(int x) { return static_cast<u32>(x) ^ 1u << 31; }
    DEVICE static int value(u32 k) { return static_cast<int>(k ^ 1u << 31); }
};
template <>
struct Order<i64> {
    typedef u64 Key;
    static constexpr int PASSES = 8;
    DEVICE static u64 key(i64 x) { return static_cast<u64>(x) ^ 1ull << 63; }
    DEVICE static i64 value(u64 k) { return static_cast<i64>(k ^ 1ull << 63); }
};

// 0.0 and -0.0 keep the order they come in where positions are asked for.
DEVICE float without_sign(float x) { return x + 0.0f; }
DEVICE int without_sign(int x) { return x; }
DEVICE i64 without_sign(i64 x) { return x; }
template <class T>
DEVICE T without_sign(T x) {
    return x.bits == 0x8000 ? T{0} : x;
}

struct Shared {
    u32 begin[DIGITS], counts[WARPS][DIGITS];
};

// Counts become where each digit begins; by the first warp.
DEVICE void add_up(u32 *begin) {
    if (threadIdx.x >= 32) return;
    u32 own[DIGITS / 32], sum = 0;
#pragma unroll
    for (int i = 0; i < DIGITS / 32; i++) own[i] = begin[threadIdx.x * (DIGITS / 32) + i], sum += own[i];
    u32 before = sum;
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
        const u32 other = __shfl_up_sync(0xffffffffu, before, step);
        if (threadIdx.x >= step) before += other;
    }
    before -= sum;
#pragma unroll
    for (int i = 0; i < DIGITS / 32; i++) begin[threadIdx.x * (DIGITS / 32) + i] = before, before += own[i];
}

// get(i, key, position) for elements that follow each other, put(place, key, position) for each.
template <class Key, class Get, class Put>
DEVICE void by_digit(Shared &z, i64 n, int shift, Get get, Put put) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    for (int d = threadIdx.x; d < DIGITS; d += blockDim.x) {
        z.begin[d] = 0;
        for (int w = 0; w < warps; w++) z.counts[w][d] = 0;
    }
    __syncthreads();
    Key key = 0;
    u32 position = 0;
    for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
        get(i, key, position);
        atomicAdd(z.begin + (key >> shift) % DIGITS, 1u);
    }
    __syncthreads();
    add_up(z.begin);
    __syncthreads();
    for (i64 first = 0; first < n; first += blockDim.x) {
        const i64 i = first + threadIdx.x;
        if (i < n) get(i, key, position);
        const u32 digit = i < n ? static_cast<u32>(key >> shift) % DIGITS : DIGITS;
        const u32 alike = __match_any_sync(0xffffffffu, digit), before = __popc(alike & ((1u << lane) - 1));
        if (i < n && before == 0) z.counts[warp][digit] = __popc(alike);
        __syncthreads();
        if (i < n) {
            u32 place = z.begin[digit] + before;
            for (int w = 0; w < warp; w++) place += z.counts[w][digit];
            put(static_cast<i64>(place), key, position);
        }
        __syncthreads();
        for (int d = threadIdx.x; d < DIGITS; d += blockDim.x)
            for (int w = 0; w < warps; w++) z.begin[d] += z.counts[w][d], z.counts[w][d] = 0;
        __syncthreads();
    }
}

// Values or positions of a row; scratch: two sets of keys and of positions for each row.
template <bool Positions, class T>
DEVICE void sort_row(const T *x, T *y, i64 *order, i64 n, typename Order<T>::Key *keys, u32 *positions) {
    typedef Order<T> O;
    typedef typename O::Key Key;
    __shared__ Shared z;
    for (int pass = 0; pass < O::PASSES; pass++) {
        const Key *from = keys + (pass & 1 ? 0 : n);
        const u32 *from_positions = positions + (pass & 1 ? 0 : n);
        Key *to = keys + (pass & 1 ? n : 0);
        u32 *to_positions = positions + (pass & 1 ? n : 0);
        const auto get = [&](i64 i, Key &key, u32 &position) {
            key = pass ? from[i] : O::key(Positions ? without_sign(x[i]) : x[i]);
            if (Positions) position = pass ? from_positions[i] : static_cast<u32>(i);
        };
        const auto put = [&](i64 at, Key key, u32 position) {
            if (pass + 1 < O::PASSES) {
                to[at] = key;
                if (Positions) to_positions[at] = position;
            } else if (Positions) {
                order[at] = position;
            } else {
                y[at] = O::value(key);
            }
        };
        by_digit<Key>(z, n, 8 * pass, get, put);
        __syncthreads();
    }
}

template <bool Positions, class T>
DEVICE void sort_rows(const T *x, T *y, i64 *order, i64 rows, i64 n, void *scratch) {
    typedef typename Order<T>::Key Key;
    Key *keys = static_cast<Key *>(scratch);
    u32 *positions = reinterpret_cast<u32 *>(keys + rows * 2 * n);
    for (i64 row = blockIdx.x; row < rows; row += gridDim.x)
        sort_row<Positions>(x + row * n, y + row * n, order + row * n, n, keys + row * 2 * n, positions + row * 2 * n);
}

// Four blocks to a processor: left alone, ptxas aims at six, and spills.
#define FOUR extern "C" __global__ void __launch_bounds__(256, 4)
#define DEFINE(T, NAME)                                                                                               \
    FOUR sort_v1_radix_##NAME(const T *x, T *y, i64 rows, i64 n, void *scratch) {                              \
        sort_rows<false, T>(x, y, nullptr, rows, n, scratch);                                                         \
    }                                                                                                                 \
    FOUR argsort_v1_radix_##NAME(const T *x, i64 *order, i64 rows, i64 n, void *scratch) {                     \
        sort_rows<true, T>(x, nullptr, order, rows, n, scratch);                                                      \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
DEFINE(int, i32)
DEFINE(i64, i64)
