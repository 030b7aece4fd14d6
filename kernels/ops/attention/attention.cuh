// What the CUDA kernels of attention share: sizes, which keys a row sees, and tiles of 16-bit numbers in shared memory
// for the tensor cores.
//
// Rows are those of all query heads that share a head of keys, which lie one after the other in memory.
#pragma once
#include "kernel.cuh"

constexpr float LOG2E = 1.4426950408889634f, LN2 = 0.6931471805599453f;

template <class T>
struct Problem {
    const T *q, *k, *v, *mask;
    const u8 *key_mask;
    i64 b, hq, sq, d, hk, sk, e, mb, mh;
    bool causal;
    float scale;

    DEVICE i64 group() const { return hk ? hq / hk : 1; }
    DEVICE i64 rows() const { return group() * sq; }
    DEVICE i64 heads() const { return b * hk; }

    // How many keys, from the first, a row sees.
    DEVICE i64 limit(i64 row) const {
        const i64 seen = causal ? row % sq + sk - sq + 1 : sk;
        return seen > 0 ? seen : 0;
    }
    // The largest and the smallest of those of several rows.
    DEVICE i64 most_seen(i64 from, i64 to) const { return from / sq == (to - 1) / sq ? limit(to - 1) : sk; }
    DEVICE i64 least_seen(i64 from, i64 to) const { return limit(from / sq == (to - 1) / sq ? from : 0); }

    DEVICE const T *mask_row(i64 head, i64 row) const {
        if (!mask) return nullptr;
        const i64 own = head % hk * group() + row / sq;
        const i64 plane = (mb > 1 ? head / hk : 0) * mh + (mh > 1 ? own : 0);
        return mask + (plane * sq + row % sq) * sk;
    }
    DEVICE const u8 *there(i64 head) const { return key_mask ? key_mask + head / hk * sk : nullptr; }
};

// ---- tensor cores by the storage type

DEVICE void mma(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, bf16) { mma_bf16(c, a, b0, b1); }
DEVICE void mma(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, f16) { mma_f16(c, a, b0, b1); }
DEVICE u32 pair(float low, float high, bf16) { return to_bf16x2(low, high); }
DEVICE u32 pair(float low, float high, f16) { return to_f16x2(low, high); }

// ---- tiles: rows of D numbers, a multiple of 64, in pieces of 16 bytes

// A piece lies where its number, crossed with the row's, says: eight rows of one column lie in eight different banks.
template <int D, class T>
DEVICE T *piece(T *tile, int row, int number) {
    return tile + row * D + (number ^ (row & 7)) * 8;
}

// ROWS rows of d numbers, zeros behind them and for rows from `rows` on or not there. Asynchronous where all lies on
// borders of 16 bytes (`whole`).
template <int D, int ROWS, class T>
DEVICE void bring(T *tile, const T *from, i64 rows, i64 d, bool whole, const u8 *there) {
    for (int i = threadIdx.x; i < ROWS * (D / 8); i += blockDim.x) {
        const int row = i / (D / 8), number = i % (D / 8);
        const i64 left = row < rows && (!there || there[row]) ? d - number * 8 : 0;
        const T *first = from + (left > 0 ? row * d + number * 8 : 0);
        T *to = piece<D>(tile, row, number);
        if (whole) {
            copy_async(to, first, left > 0);
            continue;
        }
        u32 word[4];
#pragma unroll
        for (int e = 0; e < 4; e++) {
            const u32 low = 2 * e < left ? first[2 * e].bits : 0, high = 2 * e + 1 < left ? first[2 * e + 1].bits : 0;
            word[e] = low | high << 16;
        }
        store16(to, make_uint4(word[0], word[1], word[2], word[3]));
    }
}

// The left operand of a product: 16 rows from `row`, 16 columns from `column`.
template <int D, class T>
DEVICE void left_of(u32 (&a)[4], T *tile, int row, int column) {
    const int lane = threadIdx.x % 32;
    load_matrices(a, piece<D>(tile, row + lane % 16, column / 8 + lane / 16));
}
// The right one, two times 16 x 8: b[0], b[1] and b[2], b[3]. Of the transposed tile: rows are columns of the product.
template <int D, class T>
DEVICE void right_of_turned(u32 (&b)[4], T *tile, int row, int column) {
    const int lane = threadIdx.x % 32;
    load_matrices(b, piece<D>(tile, row + lane / 16 * 8 + lane % 8, column / 8 + lane / 8 % 2));
}
// Of the tile as it is: rows are summed over.
template <int D, class T>
DEVICE void right_of(u32 (&b)[4], T *tile, int row, int column) {
    const int lane = threadIdx.x % 32;
    load_matrices_transposed(b, piece<D>(tile, row + lane % 16, column / 8 + lane / 16));
}

// Two tiles of sums, 16 rows by 16 columns, as the left operand of the next product.
template <class T>
DEVICE void as_left(u32 (&a)[4], const float (&first)[4], const float (&second)[4]) {
    a[0] = pair(first[0], first[1], T{});
    a[1] = pair(first[2], first[3], T{});
    a[2] = pair(second[0], second[1], T{});
    a[3] = pair(second[2], second[3], T{});
}

// Over the four lanes that hold a row.
DEVICE float quad_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1));
    return fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 2));
}
DEVICE float quad_sum(float x) {
    x += __shfl_xor_sync(0xffffffffu, x, 1);
    return x + __shfl_xor_sync(0xffffffffu, x, 2);
}
