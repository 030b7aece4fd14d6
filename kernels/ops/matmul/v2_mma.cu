// Tensor cores by warps: a block keeps 128 by 128 sums, each of its 8 warps 64 by 32 of them in registers; operands
// come through a ring of shared memory, copied while those before are multiplied.
// Learned: mma.sync wants 16 by 16 and 16 by 8 elements spread over the lanes, and ldmatrix spreads them in one
// instruction, transposed on the way where the operand lies the other way round. It reads 8 rows of 16 bytes at
// once, so rows 64 or 256 bytes apart would meet in few banks: the 16-byte pieces of a row are exchanged by the
// row's number. Four stages of copies keep memory busy over the latency of three.
#include "problem.cuh"

typedef signed char i8;

constexpr int SIDE = 128, THREADS = 256, STAGES = 4;
constexpr int ROW = 64;            // bytes of depth in a stage: two steps of mma
constexpr int PANEL = SIDE * ROW;  // bytes of an operand in a stage

template <class T>
constexpr int DEPTH = ROW / sizeof(T);

template <class T>
struct Sums {
    typedef float Acc;
};
template <>
struct Sums<i8> {
    typedef int Acc;
};

DEVICE void mma(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, bf16) { mma_bf16(c, a, b0, b1); }
DEVICE void mma(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, f16) { mma_f16(c, a, b0, b1); }
DEVICE void mma(int (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, i8) { mma_s8(c, a, b0, b1); }

// Where a piece of 16 bytes lies in a panel: deep panels have a row of 4 pieces for each line, flat ones a row of
// 16 for each step of depth. Any 8 rows that follow each other have a given piece in 8 different groups of banks.
DEVICE char *piece_at(char *panel, bool deep, int row, int piece) {
    return panel + (deep ? row * ROW + (piece ^ row / 2 % 4) * 16 : row * SIDE * 2 + (piece ^ row % 8) * 16);
}

DEVICE u32 bits_of(bf16 x) { return x.bits; }
DEVICE u32 bits_of(f16 x) { return x.bits; }
DEVICE u32 bits_of(i8 x) { return static_cast<u8>(x); }

// 16 bytes of elements `step` apart, zeros where there are none left.
template <class T>
DEVICE uint4 collect(const T *p, i64 step, i64 left) {
    constexpr int BITS = 8 * sizeof(T), HALF = 64 / BITS;
    u64 low = 0, high = 0;
#pragma unroll 1
    for (int e = HALF - 1; e >= 0; e--) {
        low = low << BITS | (e < left ? bits_of(p[e * step]) : 0);
        high = high << BITS | (HALF + e < left ? bits_of(p[(HALF + e) * step]) : 0);
    }
    return make_uint4(static_cast<u32>(low), static_cast<u32>(low >> 32), static_cast<u32>(high),
                      static_cast<u32>(high >> 32));
}

// One stage of an operand. Where rows begin on borders of 16 bytes the copies run by themselves; else, and where
// int8 lies flat (no instruction transposes bytes), elements are collected one by one.
template <class T>
DEVICE void bring(const Operand<T> &s, bool bordered, i64 line0, i64 depth0, char *panel) {
    constexpr int PIECE = 16 / sizeof(T), DEEP = ROW / 16, FLAT = SIDE / PIECE;  // pieces to a row
#pragma unroll
    for (int e = 0; e < PANEL / 16 / THREADS; e++) {
        const int i = static_cast<int>(threadIdx.x) + e * THREADS;
        const int row = s.deep ? i / DEEP : i / FLAT, piece = s.deep ? i % DEEP : i % FLAT;
        const i64 line = line0 + (s.deep ? row : piece * PIECE), depth = depth0 + (s.deep ? piece * PIECE : row);
        const bool inside = line < s.lines && depth < s.depth;
        const T *p = inside ? s.at(line, depth) : s.p;
        char *to = piece_at(panel, s.deep, row, piece);
        if (bordered)
            copy_async(to, p, inside);
        else
            store16(to, collect(p, 1, inside ? (s.deep ? s.depth - depth : s.lines - line) : 0));
    }
}
template <class T>
DEVICE void bring_transposed(const Operand<T> &s, i64 line0, i64 depth0, char *panel) {
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x); i < PANEL / 16; i += THREADS) {
        const int row = i % SIDE, piece = i / SIDE;  // neighbours read neighbouring lines
        const i64 line = line0 + row, depth = depth0 + piece * 16;
        const bool inside = line < s.lines && depth < s.depth;
        store16(piece_at(panel, true, row, piece),
                collect(inside ? s.p + depth * s.ld + line : s.p, s.ld, inside ? s.depth - depth : 0));
    }
}

template <class T>
DEVICE bool bordered(const Operand<T> &s) {
    return on_border(s.p) && s.ld * static_cast<i64>(sizeof(T)) % 16 == 0;
}

// Four 8x8 matrices from line `line` on, at step `step` of the stage (32 bytes of depth). Matrix number q lies
// q % 2 in one direction and q / 2 in the other: lines first for rows of a, depth first for columns of b.
template <bool LinesFirst>
DEVICE void fragment(u32 (&to)[4], char *panel, bool deep, int line, int step) {
    const int lane = static_cast<int>(threadIdx.x) % 32, q = lane / 8;
    const int further = LinesFirst ? q % 2 : q / 2, deeper = LinesFirst ? q / 2 : q % 2;
    if (deep)
        load_matrices(to, piece_at(panel, true, line + further * 8 + lane % 8, step * 2 + deeper));
    else
        load_matrices_transposed(to, piece_at(panel, false, (step * 2 + deeper) * 8 + lane % 8, line / 8 + further));
}

// Of a tile of sums: lanes that hold four rows of one column meet in four groups of banks.
DEVICE int place_in_tile(int row, int column) { return row * SIDE + (column ^ row % 4 * 8); }

template <class T, class R>
DEVICE void multiply(const Operand<T> &a, const Operand<T> &b, const R &result, i64 i0, i64 j0) {
    constexpr bool BYTES = sizeof(T) == 1;
    char *ring = static_cast<char *>(dynamic_shared());
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const int row0 = warp / 4 * 64, column0 = warp % 4 * 32;
    const bool a_bordered = bordered(a), b_bordered = bordered(b);
    const i64 stages = (a.depth + DEPTH<T> - 1) / DEPTH<T>;
    typedef typename Sums<T>::Acc Acc;
    Acc sums[4][4][4] = {};

    const auto bring_stage = [&](i64 stage) {
        char *panel = ring + stage % STAGES * (2 * PANEL);
        if (stage < stages) {
            bring(a, a_bordered, i0, stage * DEPTH<T>, panel);
            if (BYTES && !b.deep)
                bring_transposed(b, j0, stage * DEPTH<T>, panel + PANEL);
            else
                bring(b, b_bordered, j0, stage * DEPTH<T>, panel + PANEL);
        }
        copy_commit();  // of nothing too: so the newest STAGES - 1 groups are always those of the next stages
    };
#pragma unroll 1
    for (i64 stage = 1 - STAGES; stage < stages; stage++) {
        if (stage >= 0) {
            copy_wait<STAGES - 2>();
            __syncthreads();  // all see this stage, and none reads the one before any more
        }
        bring_stage(stage + STAGES - 1);
        if (stage < 0) continue;
        char *panel = ring + stage % STAGES * (2 * PANEL);
#pragma unroll
        for (int step = 0; step < 2; step++) {
            u32 x[4][4], y[2][4];
#pragma unroll
            for (int i = 0; i < 4; i++) fragment<true>(x[i], panel, BYTES || a.deep, row0 + 16 * i, step);
#pragma unroll
            for (int j = 0; j < 2; j++)
                fragment<false>(y[j], panel + PANEL, BYTES || b.deep, column0 + 16 * j, step);
#pragma unroll
            for (int i = 0; i < 4; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) mma(sums[i][j], x[i], y[j / 2][j % 2 * 2], y[j / 2][j % 2 * 2 + 1], T());
        }
    }
    copy_wait<0>();
    __syncthreads();
    // The ring has room for all sums: through it they come in the order of memory.
    Acc *tile = static_cast<Acc *>(dynamic_shared());
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                tile[place_in_tile(row0 + 16 * i + lane / 4 + e / 2 * 8, column0 + 8 * j + lane % 4 * 2 + e % 2)] =
                    sums[i][j][e];
    __syncthreads();
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x); i < SIDE * SIDE; i += THREADS) {
        const i64 row = i0 + i / SIDE, column = j0 + i % SIDE;
        if (row < a.lines && column < b.lines)
            result.store(row, column, static_cast<float>(tile[place_in_tile(i / SIDE, i % SIDE)]));
    }
}

// Registers of two blocks fit into a multiprocessor, so one multiplies while the other stores.
#define TILED extern "C" __global__ void __launch_bounds__(THREADS, 2)

#define MATMUL(T, O, NAME)                                                                                        \
    TILED matmul_v2_mma_##NAME(const T *a, const T *b, const T *bias, O *out, i64 batch, i64 am, i64 ak,          \
                               i64 matrices, i64 bk, i64 bn, i64 n, i64 m, i64 ta, i64 tb, double alpha) {        \
        const i64 tall = (m + SIDE - 1) / SIDE, wide = (n + SIDE - 1) / SIDE, tiles = tall * wide;                \
        i64 row, column;                                                                                          \
        place_of(blockIdx.x % tiles, tall, wide, row, column);                                                    \
        const auto product = product_of(static_cast<i64>(blockIdx.x) / tiles, a, b, bias, out, am, ak, matrices,  \
                                        bk, bn, n, m, ta != 0, tb != 0, alpha);                                   \
        multiply(product.a, product.b, product.result, row * SIDE, column * SIDE);                                \
    }
MATMUL(bf16, bf16, bf16_bf16)
MATMUL(f16, f16, f16_f16)
MATMUL(bf16, float, bf16_f32)
MATMUL(f16, float, f16_f32)

#define GROUPED(T, NAME)                                                                                          \
    TILED grouped_matmul_v2_mma_##NAME(const T *x, const T *w, const i64 *ends, T *out, i64 tokens, i64 k,        \
                                       i64 experts, i64 wk, i64 wn, i64 n, i64 turned) {                          \
        const i64 wide = (n + SIDE - 1) / SIDE;                                                                   \
        i64 slot = blockIdx.x / wide;                                                                             \
        Group group;                                                                                              \
        if (!find_group(ends, experts, tokens, SIDE, slot, group)) return;                                        \
        const auto product = product_of(group, x, w, out, k, experts, wk, wn, n, turned != 0);                    \
        multiply(product.a, product.b, product.result, slot * SIDE, blockIdx.x % wide * SIDE);                    \
    }
GROUPED(bf16, bf16)
GROUPED(f16, f16)

#define INT8(O, NAME)                                                                                             \
    TILED matmul_int8_v2_mma_##NAME(const i8 *a, const i8 *b, const float *a_scale, const float *b_scale,         \
                                    const float *bias, O *out, i64 rows, i64 k, i64 bk, i64 bn, i64 n,          \
                                    i64 turned) {                                                                 \
        const i64 tall = (rows + SIDE - 1) / SIDE, wide = (n + SIDE - 1) / SIDE;                                  \
        i64 row, column;                                                                                          \
        place_of(blockIdx.x, tall, wide, row, column);                                                            \
        const Result<O, float> result = {out, n, 1.0f, a_scale, b_scale, bias};                                   \
        multiply(Operand<i8>{a, k, rows, k, true}, Operand<i8>{b, bn, n, k, turned != 0}, result, row * SIDE,     \
                 column * SIDE);                                                                                  \
    }
INT8(float, f32)
INT8(bf16, bf16)
