// What every CUDA kernel file includes: the mark of a function that Python launches, the storage types and their
// conversions, 16 bytes at a time where they lie so.
//
// A kernel's arguments are those of the C versions without `threads`: pointers in the order of the schema (NULL
// for an absent one), `i64` dimensions, attributes (`i64` or `double`), and `void *scratch` where its plan asks
// for scratch. Index arithmetic is in i64 wherever a product of dimensions can occur.
#pragma once
#include <ptx.cuh>

typedef long long i64;
typedef unsigned long long u64;
typedef unsigned u32;
typedef unsigned short u16;
typedef unsigned char u8;

// KERNEL(threads): at most that many to a block.
#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)

// Bytes at the beginning of scratch memory for what one step tells the next.
constexpr int SCRATCH_HEAD = 256;

#define INF __int_as_float(0x7f800000)

struct bf16 {
    u16 bits;
};
struct f16 {
    u16 bits;
};

DEVICE float widen(float x) { return x; }
DEVICE float widen(bf16 x) { return __uint_as_float(static_cast<u32>(x.bits) << 16); }
DEVICE float widen(f16 x) { return from_f16(x.bits); }

template <class T>
DEVICE T narrow(float x);
template <>
DEVICE float narrow<float>(float x) {
    return x;
}
template <>
DEVICE bf16 narrow<bf16>(float x) {
    return {to_bf16(x)};
}
template <>
DEVICE f16 narrow<f16>(float x) {
    return {to_f16(x)};
}

// e to the x, as exact as T needs it.
template <class T>
DEVICE float exp_for(float x) {
    if constexpr (sizeof(T) == 4)
        return expf(x);
    else
        return fast_exp(x);
}

// ---- 16 bytes: V<T> elements

template <class T>
constexpr int V = 16 / sizeof(T);

DEVICE void unpack(uint4 raw, float (&x)[4], float) {
    x[0] = __uint_as_float(raw.x), x[1] = __uint_as_float(raw.y);
    x[2] = __uint_as_float(raw.z), x[3] = __uint_as_float(raw.w);
}
DEVICE void unpack(uint4 raw, float (&x)[8], bf16) {
    const u32 word[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        x[2 * i] = __uint_as_float(word[i] << 16);
        x[2 * i + 1] = __uint_as_float(word[i] & 0xffff0000u);
    }
}
DEVICE void unpack(uint4 raw, float (&x)[8], f16) {
    const u32 word[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        x[2 * i] = from_f16(static_cast<u16>(word[i]));
        x[2 * i + 1] = from_f16(static_cast<u16>(word[i] >> 16));
    }
}
template <class T>
DEVICE void unpack(uint4 raw, float (&x)[V<T>]) {
    unpack(raw, x, T{});
}

DEVICE uint4 pack(const float (&x)[4], float) {
    return make_uint4(__float_as_uint(x[0]), __float_as_uint(x[1]), __float_as_uint(x[2]), __float_as_uint(x[3]));
}
DEVICE uint4 pack(const float (&x)[8], bf16) {
    return make_uint4(to_bf16x2(x[0], x[1]), to_bf16x2(x[2], x[3]), to_bf16x2(x[4], x[5]), to_bf16x2(x[6], x[7]));
}
DEVICE uint4 pack(const float (&x)[8], f16) {
    return make_uint4(to_f16x2(x[0], x[1]), to_f16x2(x[2], x[3]), to_f16x2(x[4], x[5]), to_f16x2(x[6], x[7]));
}
template <class T>
DEVICE uint4 pack(const float (&x)[V<T>]) {
    return pack(x, T{});
}

DEVICE bool on_border(const void *p) { return reinterpret_cast<u64>(p) % 16 == 0; }
