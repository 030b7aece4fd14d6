// float32 by ordinary multiplications: a block keeps 128 by 128 sums, 8 by 8 in each thread, and brings 8 steps of
// depth at a time through shared memory while it multiplies those before.
// Learned: 16 floats from shared memory serve 64 multiplications, so the multipliers are busy; whatever way an
// operand lies, it is stored in shared memory line beside line, and read 16 bytes at a time.
#include "problem.cuh"

constexpr int SIDE = 128, DEPTH = 8, THREADS = 256, EACH = SIDE * DEPTH / THREADS, PADDED = SIDE + 4;

// Where the elements that a thread brings lie in the tile: neighbouring threads read neighbouring addresses.
DEVICE void place(bool deep, int e, int &line, int &depth) {
    const int i = static_cast<int>(threadIdx.x) + e * THREADS;
    line = deep ? i / DEPTH : i % SIDE;
    depth = deep ? i % DEPTH : i / SIDE;
}

DEVICE void fetch(const Operand<float> &s, i64 line0, i64 depth0, float (&x)[EACH]) {
#pragma unroll
    for (int e = 0; e < EACH; e++) {
        int line, depth;
        place(s.deep, e, line, depth);
        const bool inside = line0 + line < s.lines && depth0 + depth < s.depth;
        x[e] = inside ? *s.at(line0 + line, depth0 + depth) : 0.0f;
    }
}

DEVICE void put(bool deep, const float (&x)[EACH], float (*to)[PADDED]) {
#pragma unroll
    for (int e = 0; e < EACH; e++) {
        int line, depth;
        place(deep, e, line, depth);
        to[depth][line] = x[e];
    }
}

// Thread t's lines of the tile: four from 4t on, and four 64 behind them.
DEVICE int line_of(int t, int i) { return 4 * t + i % 4 + i / 4 * 64; }

DEVICE void take(const float *row, int t, float (&x)[8]) {
    float low[4], high[4];
    unpack(load16(row + 4 * t), low, float());
    unpack(load16(row + 4 * t + 64), high, float());
#pragma unroll
    for (int i = 0; i < 4; i++) x[i] = low[i], x[4 + i] = high[i];
}

DEVICE void multiply(const Product<float, float> &product, i64 i0, i64 j0) {
    __shared__ uint4 space[2][2][DEPTH][PADDED / 4];  // on borders of 16 bytes
    typedef float Panel[DEPTH][PADDED];
    Panel *rows = reinterpret_cast<Panel *>(space[0]), *columns = reinterpret_cast<Panel *>(space[1]);
    const Operand<float> &a = product.a, &b = product.b;
    const int ti = static_cast<int>(threadIdx.x) / 16, tj = static_cast<int>(threadIdx.x) % 16;
    float sums[8][8] = {}, next_a[EACH], next_b[EACH];
    fetch(a, i0, 0, next_a);
    fetch(b, j0, 0, next_b);
    for (i64 d = 0, turn = 0; d < a.depth; d += DEPTH, turn ^= 1) {
        put(a.deep, next_a, rows[turn]);
        put(b.deep, next_b, columns[turn]);
        __syncthreads();  // the other half is free: who still reads it has not come here twice
        if (d + DEPTH < a.depth) {
            fetch(a, i0, d + DEPTH, next_a);
            fetch(b, j0, d + DEPTH, next_b);
        }
#pragma unroll
        for (int p = 0; p < DEPTH; p++) {
            float x[8], y[8];
            take(rows[turn][p], ti, x);
            take(columns[turn][p], tj, y);
#pragma unroll
            for (int i = 0; i < 8; i++)
#pragma unroll
                for (int j = 0; j < 8; j++) sums[i][j] += x[i] * y[j];
        }
    }
#pragma unroll
    for (int i = 0; i < 8; i++)
#pragma unroll
        for (int j = 0; j < 8; j++) {
            const i64 row = i0 + line_of(ti, i), column = j0 + line_of(tj, j);
            if (row < a.lines && column < b.lines) product.result.store(row, column, sums[i][j]);
        }
}

KERNEL(THREADS) matmul_v2_tiles_f32_f32(const float *a, const float *b, const float *bias, float *out, i64 batch,
                                        i64 am, i64 ak, i64 matrices, i64 bk, i64 bn, i64 n, i64 m, i64 ta, i64 tb,
                                        double alpha) {
    const i64 tall = (m + SIDE - 1) / SIDE, wide = (n + SIDE - 1) / SIDE, tiles = tall * wide;
    const i64 z = blockIdx.x / tiles;
    i64 row, column;
    place_of(blockIdx.x % tiles, tall, wide, row, column);
    multiply(product_of(z, a, b, bias, out, am, ak, matrices, bk, bn, n, m, ta != 0, tb != 0, alpha), row * SIDE,
             column * SIDE);
}

KERNEL(THREADS) grouped_matmul_v2_tiles_f32(const float *x, const float *w, const i64 *ends, float *out, i64 tokens,
                                            i64 k, i64 experts, i64 wk, i64 wn, i64 n, i64 turned) {
    const i64 wide = (n + SIDE - 1) / SIDE;
    i64 slot = blockIdx.x / wide;
    Group group;
    if (!find_group(ends, experts, tokens, SIDE, slot, group)) return;
    multiply(product_of(group, x, w, out, k, experts, wk, wn, n, turned != 0), slot * SIDE,
             blockIdx.x % wide * SIDE);
}
