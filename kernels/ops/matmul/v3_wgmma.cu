// Tensor cores by warpgroups (sm_90a): one warpgroup copies, two multiply 64 rows each by 128 or 256 columns, straight
// from shared memory; a block stays on its processor and goes from tile to tile.
// Learned: wgmma reads both operands from shared memory at the rate it multiplies, so what is left to do is to bring
// them there; it takes either operand either way round, so nothing is transposed. Sums of 64 by 256 take half of the
// registers a warp may have, hence setmaxnreg: those who copy need few. While one tile is stored, the first panels of
// the next are on their way.
#include <ring.cuh>

#include "problem.cuh"

constexpr int ROWS = 128, DEPTH = LINE / 2, THREADS = 3 * WARPGROUP, LAG = 2;
constexpr int CHUNK = DEPTH * LINE;  // bytes of 64 lines of a flat operand

// What one thread brings of an operand: a piece of 16 bytes of every 16th row of a panel. Rows of a deep operand are
// its lines; of a flat one they are 64 depths for each 64 lines. Rows begin on borders of 16 bytes.
template <class T>
struct Source {
    const T *from, *any;
    i64 ld;
    int lines;  // that are left
    bool deep;

    DEVICE static int row() { return threadIdx.x % WARPGROUP / 8; }
    DEVICE static int piece() { return threadIdx.x % 8; }

    DEVICE Source(const Operand<T> &s, i64 line0) : any(s.p), ld(s.ld), deep(s.deep) {
        const i64 line = line0 + (deep ? row() : piece() * 8), left = s.lines - line;
        lines = left > 256 ? 256 : static_cast<int>(left);
        from = deep ? s.p + line * ld + piece() * 8 : s.p + row() * ld + line;
    }
    // The next 64 steps of depth, `left` of which are there; zeros for the others.
    template <int Lines>
    DEVICE void bring(char *panel, int left) {
        char *to = panel + swizzled(row(), piece());
        const T *chunk = from;
        const int depths = left - (deep ? piece() * 8 : row());
        int there = lines;
#pragma unroll 1
        for (int c = 0; c < Lines / 64; c++, to += CHUNK, there -= 64, chunk += deep ? 64 * ld : 64)
#pragma unroll
            for (int e = 0; e < 64; e += 16) {
                const bool inside = deep ? depths > 0 && e < there : e < depths && there > 0;
                copy_async(to + e * LINE, inside ? chunk + e * ld : any, inside);
            }
        from += deep ? DEPTH : DEPTH * ld;
    }
};

// An operand's panel as wgmma is told of it, from line `line` on, `step` times 16 deep.
template <bool Flat>
DEVICE u64 part_of(const char *panel, int line, int step) {
    if (Flat) return describe(shared_address(panel) + line / DEPTH * CHUNK + step * 16 * LINE, CHUNK, 8 * LINE);
    return describe(shared_address(panel) + line * LINE + step * 32, 16, 8 * LINE);
}

template <int N>
struct Space {
    static constexpr int SLOTS = N == 256 ? 4 : 6, PANEL = (ROWS + N) * LINE;
    char *panels;
    Barriers<SLOTS> *barriers;

    DEVICE Space() : panels(swizzled_shared()) {
        barriers = reinterpret_cast<Barriers<SLOTS> *>(panels + SLOTS * PANEL);
        if (threadIdx.x == 0) barriers->init(WARPGROUP, 2 * WARPGROUP / 32);
        __syncthreads();
    }
    DEVICE char *panel(u32 slot) const { return panels + slot * PANEL; }
};

// All stages of a tile, one always under way behind the one that is being issued.
template <int N, bool FlatA, bool FlatB, class T>
DEVICE void products(float (&c)[N / 2], const Space<N> &space, Emptying<Space<N>::SLOTS> &ring, i64 stages, int row0, T) {
    u32 before = 0;
#pragma unroll 1
    for (i64 stage = 0; stage < stages; stage++) {
        const u32 slot = ring.wait();
        const char *panel = space.panel(slot);
        wgmma_fence();
#pragma unroll
        for (int step = 0; step < DEPTH / 16; step++)
            wgmma<FlatA, FlatB>(c, part_of<FlatA>(panel, row0, step), part_of<FlatB>(panel + ROWS * LINE, 0, step), T());
        wgmma_commit();
        wgmma_wait<1>();
        if (stage) ring.release(before);
        before = slot;
        ring.next();
    }
    wgmma_wait<0>();
    wgmma_done(c);
    if (stages) ring.release(before);
}

DEVICE u32 pair(float low, float high, bf16) { return to_bf16x2(low, high); }
DEVICE u32 pair(float low, float high, f16) { return to_f16x2(low, high); }

// Two sums to where they belong; rows of the result hold multiples of 8.
template <class O, class B>
DEVICE void finish(const Result<O, B> &result, i64 row, i64 column, float &low, float &high) {
    low = result.value(row, column, low), high = result.value(row, column + 1, high);
}
template <int N, class B>
DEVICE void store(const float (&c)[N / 2], const Result<float, B> &result, i64 row0, i64 rows, i64 column0) {
    const int q = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int i = 0; i < N / 2; i += 2) {
        const i64 row = row0 + q + i / 2 % 2 * 8, column = column0 + i / 4 * 8 + 2 * t;
        float low = c[i], high = c[i + 1];
        if (row >= rows || column >= result.n) continue;
        finish(result, row, column, low, high);
        *reinterpret_cast<u64 *>(result.out + row * result.n + column) =
            __float_as_uint(low) | static_cast<u64>(__float_as_uint(high)) << 32;
    }
}
// 16-bit results: four lanes exchange what they hold of a row, and each stores 16 bytes.
template <int N, class T>
DEVICE void store(const float (&c)[N / 2], const Result<T, T> &result, i64 row0, i64 rows, i64 column0) {
    const int q = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int i = 0; i < N / 16; i++) {
        const int j = i / 2 * 4, h = i % 2;
        const i64 row = row0 + q + 8 * h;
        u32 word[4];
#pragma unroll
        for (int g = 0; g < 4; g++) {
            float low = c[4 * (j + g) + 2 * h], high = c[4 * (j + g) + 2 * h + 1];
            const i64 column = column0 + (j + g) * 8 + 2 * t;
            if (row < rows && column < result.n) finish(result, row, column, low, high);
            word[g] = pair(low, high, T());
        }
        const uint4 piece = gather_pieces(word);
        const i64 column = column0 + (j + t) * 8;
        if (row < rows && column < result.n) store16(result.out + row * result.n + column, piece);
    }
}

// at(tile, product, first row, first column): what a tile is; false if there is none.
template <int N, class T, class O, class At>
DEVICE void multiply(i64 tiles, bool flat_a, bool flat_b, At at) {
    const Space<N> space;
    Product<T, O> product;
    i64 row, column;
    if (threadIdx.x < WARPGROUP) {
        give_registers<56>();
        Filling<Space<N>::SLOTS, LAG> ring(space.barriers);
        for (i64 tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
            if (!at(tile, product, row, column)) continue;
            Source<T> a(product.a, row), b(product.b, column);
#pragma unroll 1
            for (i64 left = product.a.depth; left > 0; left -= DEPTH) {
                char *panel = space.panel(ring.begin());
                a.template bring<ROWS>(panel, left < DEPTH ? static_cast<int>(left) : DEPTH);
                b.template bring<N>(panel + ROWS * LINE, left < DEPTH ? static_cast<int>(left) : DEPTH);
                ring.end();
            }
        }
        ring.finish();
    } else {
        take_registers<224>();
        Emptying<Space<N>::SLOTS> ring(space.barriers);
        const int row0 = threadIdx.x / WARPGROUP * 64 - 64;
        for (i64 tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
            if (!at(tile, product, row, column)) continue;
            const i64 stages = (product.a.depth + DEPTH - 1) / DEPTH;
            float c[N / 2];
#pragma unroll
            for (int i = 0; i < N / 2; i++) c[i] = 0;
            if (flat_a && flat_b)
                products<N, true, true>(c, space, ring, stages, row0, T());
            else if (flat_a)
                products<N, true, false>(c, space, ring, stages, row0, T());
            else if (flat_b)
                products<N, false, true>(c, space, ring, stages, row0, T());
            else
                products<N, false, false>(c, space, ring, stages, row0, T());
            store<N>(c, product.result, row + row0 + threadIdx.x % WARPGROUP / 32 * 16, product.a.lines, column);
        }
    }
}

#define WIDE extern "C" __global__ void __launch_bounds__(THREADS, 1)

#define MATMUL(T, O, NAME, N)                                                                                         \
    WIDE matmul_v3_wgmma_##NAME##_##N(const T *a, const T *b, const T *bias, O *out, i64 batch, i64 am, i64 ak,       \
                                      i64 matrices, i64 bk, i64 bn, i64 n, i64 m, i64 ta, i64 tb, double alpha) {     \
        const i64 tall = (m + ROWS - 1) / ROWS, wide = (n + N - 1) / N;                                               \
        multiply<N, T, O>(batch *tall *wide, ta != 0, tb == 0, [&](i64 tile, Product<T, O> &p, i64 &row, i64 &column) { \
            p = product_of(tile / (tall * wide), a, b, bias, out, am, ak, matrices, bk, bn, n, m, ta != 0, tb != 0,   \
                           alpha);                                                                                    \
            place_of(tile % (tall * wide), tall, wide, row, column);                                                  \
            row *= ROWS, column *= N;                                                                                 \
            return true;                                                                                              \
        });                                                                                                           \
    }
#define BOTH(T, O, NAME)      \
    MATMUL(T, O, NAME, 128)   \
    MATMUL(T, O, NAME, 256)
BOTH(bf16, bf16, bf16_bf16)
BOTH(f16, f16, f16_f16)
BOTH(bf16, float, bf16_f32)
BOTH(f16, float, f16_f32)

#define GROUPED(T, NAME, N)                                                                                           \
    WIDE grouped_matmul_v3_wgmma_##NAME##_##N(const T *x, const T *w, const i64 *ends, T *out, i64 tokens, i64 k,     \
                                              i64 experts, i64 wk, i64 wn, i64 n, i64 turned) {                       \
        const i64 wide = (n + N - 1) / N, tall = tokens / ROWS + experts + 1;                                         \
        multiply<N, T, T>(tall *wide, false, turned == 0, [&](i64 tile, Product<T, T> &p, i64 &row, i64 &column) {    \
            i64 slot = tile / wide;                                                                                   \
            Group group;                                                                                              \
            if (!find_group(ends, experts, tokens, ROWS, slot, group)) return false;                                  \
            p = product_of(group, x, w, out, k, experts, wk, wn, n, turned != 0);                                     \
            row = slot * ROWS, column = tile % wide * N;                                                              \
            return true;                                                                                              \
        });                                                                                                           \
    }
GROUPED(bf16, bf16, 128)
GROUPED(bf16, bf16, 256)
GROUPED(f16, f16, 128)
GROUPED(f16, f16, 256)
