// Blockwise quantisation on the card: a map of 256 ascending values in shared memory, and blocks of flat elements
// handed to groups of lanes, eight elements to a lane.
#pragma once
#include <kernel.cuh>

struct Map {
    float values[256], thresholds[256];
};

// By all threads of the block; __syncthreads() before it is read.
DEVICE void fill(Map &map, const float *values) {
    for (int i = static_cast<int>(threadIdx.x); i < 256; i += static_cast<int>(blockDim.x)) {
        map.values[i] = values[i];
        if (i < 255) map.thresholds[i] = (values[i] + values[i + 1]) * 0.5f;
    }
}

// How many thresholds lie strictly below y; 0 for a NaN.
DEVICE u32 search(const Map &map, float y) {
    u32 code = 0;
#pragma unroll
    for (u32 step = 128; step; step /= 2)
        if (map.thresholds[code + step - 1] < y) code += step;
    return code;
}

// Magnitudes as whole numbers are in order, and NaN is above all.
DEVICE u32 magnitude(float x) { return __float_as_uint(x) & 0x7fffffffu; }
DEVICE float reciprocal(float absmax) { return 1.0f / (absmax < 1e-38f ? 1e-38f : absmax); }

// Which power of two this is.
DEVICE int log2_of(i64 power) {
    int shift = 0;
    while ((static_cast<i64>(1) << shift) < power) shift++;
    return shift;
}

// Eight elements from a border of eight on; `count` of them are there, the others are 0.
DEVICE void load8(const float *p, int count, float (&x)[8]) {
    if (count == 8) {
        float low[4], high[4];
        unpack<float>(load16(p), low);
        unpack<float>(load16(p + 4), high);
#pragma unroll
        for (int e = 0; e < 4; e++) x[e] = low[e], x[e + 4] = high[e];
    } else {
#pragma unroll
        for (int e = 0; e < 8; e++) x[e] = e < count ? p[e] : 0;
    }
}
template <class T>
DEVICE void load8(const T *p, int count, float (&x)[8]) {
    if (count == 8) {
        unpack<T>(load16(p), x);
    } else {
#pragma unroll
        for (int e = 0; e < 8; e++) x[e] = e < count ? widen(p[e]) : 0;
    }
}
DEVICE void store8(float *p, int count, const float (&x)[8]) {
    if (count == 8) {
        const float low[4] = {x[0], x[1], x[2], x[3]}, high[4] = {x[4], x[5], x[6], x[7]};
        store16(p, pack<float>(low));
        store16(p + 4, pack<float>(high));
    } else {
#pragma unroll
        for (int e = 0; e < 8; e++)
            if (e < count) p[e] = x[e];
    }
}
template <class T>
DEVICE void store8(T *p, int count, const float (&x)[8]) {
    if (count == 8) {
        store16(p, pack<T>(x));
    } else {
#pragma unroll
        for (int e = 0; e < 8; e++)
            if (e < count) p[e] = narrow<T>(x[e]);
    }
}

DEVICE int up_to_8(i64 left) { return left > 8 ? 8 : left > 0 ? static_cast<int>(left) : 0; }

// The scale of every block, and put(index, count, elements over their scale) for every eight elements.
// Small blocks share a warp: blocksize / 8 lanes to each.
template <class T, class Put>
DEVICE void by_blocks(const T *x, float *absmax, i64 n, i64 blocks, i64 blocksize, Put put) {
    const int lanes = blocksize < 256 ? static_cast<int>(blocksize) / 8 : 32, at_once = 32 / lanes;
    const int lane = static_cast<int>(threadIdx.x) % 32, within = lane % lanes;
    const i64 warps = static_cast<i64>(gridDim.x) * (blockDim.x / 32);
    const i64 warp = static_cast<i64>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32;
    for (i64 first = warp * at_once; first < blocks; first += warps * at_once) {
        const i64 block = first + lane / lanes, begin = block * blocksize;
        const i64 end = block >= blocks ? begin : n - begin < blocksize ? n : begin + blocksize;
        u32 top = 0;
        float part[8];
        for (i64 i = begin + within * 8; i < end; i += lanes * 8) {
            load8(x + i, up_to_8(end - i), part);
#pragma unroll
            for (int e = 0; e < 8; e++) top = magnitude(part[e]) > top ? magnitude(part[e]) : top;
        }
        for (int step = lanes / 2; step; step /= 2) {
            const u32 other = __shfl_xor_sync(0xffffffffu, top, step);
            top = other > top ? other : top;
        }
        const float scale = reciprocal(__uint_as_float(top));
        if (within == 0 && block < blocks) absmax[block] = __uint_as_float(top);
        for (i64 i = begin + within * 8; i < end; i += lanes * 8) {
            load8(x + i, up_to_8(end - i), part);
#pragma unroll
            for (int e = 0; e < 8; e++) part[e] *= scale;
            put(i, up_to_8(end - i), part);
        }
    }
}
