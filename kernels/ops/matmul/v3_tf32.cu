// float32 on tensor cores (mma.sync, sm_80 and up) with operands rounded to ten bits behind the leading one (tf32):
// many times faster than v2_tiles and as coarse as float16 with float32's range, so it is only taken by name. As in
// v2_mma, a block keeps 128 by 128 sums, each of 8 warps 64 by 32, while operands come through a ring.
// Learned: ldmatrix does not transpose elements of 32 bits, so each is read by itself; rows of a deep operand are 20
// words apart and those of a flat one 136, by which a warp's 8 lines at 4 depths meet no bank twice. Sums of 512 steps are
// added up apart: the longer a sum of float32 grows, the more each addition loses.
#include "problem.cuh"

constexpr int SIDE = 128, THREADS = 256, STAGES = 4, DEPTH = 16;
constexpr int DEEP = DEPTH + 4, FLAT = SIDE + 8;  // words from row to row
constexpr int PANEL = SIDE * DEEP;                // words of an operand in a stage; DEPTH * FLAT is less

// One stage of an operand; rows begin on borders of 16 bytes.
DEVICE void bring(const Operand<float> &s, i64 line0, i64 depth0, float *panel) {
#pragma unroll
    for (int e = 0; e < SIDE * DEPTH / 4 / THREADS; e++) {
        const int i = static_cast<int>(threadIdx.x) + e * THREADS;
        const int row = s.deep ? i / (DEPTH / 4) : i / (SIDE / 4), at = (s.deep ? i % (DEPTH / 4) : i % (SIDE / 4)) * 4;
        const i64 line = line0 + (s.deep ? row : at), depth = depth0 + (s.deep ? at : row);
        const bool inside = line < s.lines && depth < s.depth;
        copy_async(panel + row * (s.deep ? DEEP : FLAT) + at, inside ? s.at(line, depth) : s.p, inside);
    }
}

template <bool Deep>
DEVICE u32 element(const float *panel, int line, int depth) {
    return to_tf32(Deep ? panel[line * DEEP + depth] : panel[depth * FLAT + line]);
}

template <bool DeepA, bool DeepB>
DEVICE void products(float (&sums)[4][4][4], const float *a, const float *b, int row0, int column0) {
    const int q = static_cast<int>(threadIdx.x) % 32 / 4, t = static_cast<int>(threadIdx.x) % 4;
#pragma unroll
    for (int depth = 0; depth < DEPTH; depth += 8) {
        u32 x[4][4], y[4][2];
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                x[i][e] = element<DeepA>(a, row0 + 16 * i + q + e % 2 * 8, depth + t + e / 2 * 4);
#pragma unroll
        for (int j = 0; j < 4; j++)
#pragma unroll
            for (int e = 0; e < 2; e++) y[j][e] = element<DeepB>(b, column0 + 8 * j + q, depth + t + e * 4);
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) mma_tf32(sums[i][j], x[i], y[j][0], y[j][1]);
    }
}

DEVICE void multiply(const Operand<float> &a, const Operand<float> &b, const Result<float, float> &result, i64 i0, i64 j0) {
    float *ring = static_cast<float *>(dynamic_shared());
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const int row0 = warp / 4 * 64, column0 = warp % 4 * 32;
    const i64 stages = (a.depth + DEPTH - 1) / DEPTH;
    float total[4][4][4] = {}, sums[4][4][4] = {};
    const auto fold = [&] {
#pragma unroll
        for (int i = 0; i < 64; i++) {
            float &part = sums[i / 16][i / 4 % 4][i % 4];
            total[i / 16][i / 4 % 4][i % 4] += part, part = 0;
        }
    };
#pragma unroll 1
    for (i64 stage = 1 - STAGES; stage < stages; stage++) {
        if (stage >= 0) {
            copy_wait<STAGES - 2>();
            __syncthreads();  // all see this stage, and none reads the one before any more
        }
        const i64 next = stage + STAGES - 1;
        if (next < stages) {
            float *panel = ring + next % STAGES * (2 * PANEL);
            bring(a, i0, next * DEPTH, panel);
            bring(b, j0, next * DEPTH, panel + PANEL);
        }
        copy_commit();
        if (stage < 0) continue;
        const float *panel = ring + stage % STAGES * (2 * PANEL);
        if (a.deep && b.deep)
            products<true, true>(sums, panel, panel + PANEL, row0, column0);
        else if (a.deep)
            products<true, false>(sums, panel, panel + PANEL, row0, column0);
        else if (b.deep)
            products<false, true>(sums, panel, panel + PANEL, row0, column0);
        else
            products<false, false>(sums, panel, panel + PANEL, row0, column0);
        if (stage % 32 == 31) fold();
    }
    copy_wait<0>();
    fold();
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                const i64 row = i0 + row0 + 16 * i + lane / 4 + e / 2 * 8, column = j0 + column0 + 8 * j + lane % 4 * 2 + e % 2;
                if (row < a.lines && column < b.lines) result.store(row, column, total[i][j][e]);
            }
}

KERNEL(THREADS) matmul_v3_tf32_f32_f32(const float *a, const float *b, const float *bias, float *out, i64 batch, i64 am,
                                       i64 ak, i64 matrices, i64 bk, i64 bn, i64 n, i64 m, i64 ta, i64 tb,
                                       double alpha) {
    const i64 tall = (m + SIDE - 1) / SIDE, wide = (n + SIDE - 1) / SIDE, tiles = tall * wide;
    i64 row, column;
    place_of(blockIdx.x % tiles, tall, wide, row, column);
    const auto product = product_of(static_cast<i64>(blockIdx.x) / tiles, a, b, bias, out, am, ak, matrices, bk, bn, n, m,
                                    ta != 0, tb != 0, alpha);
    multiply(product.a, product.b, product.result, row * SIDE, column * SIDE);
}
