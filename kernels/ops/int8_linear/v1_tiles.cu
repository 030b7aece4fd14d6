// The whole layer in five steps: marks, codes and the list of columns left out are made in scratch memory, then a warp
// multiplies 32 rows of x with 32 of the weight on tensor cores, scales the sums and adds what was left out.
// Learned: a sum over k may take k in any order, so a lane reads sixteen codes that lie together from every row it
// needs: they are operands of two products as they lie, without shared memory.
#include "rows.cuh"

DEVICE i64 rounded(i64 n) { return (n + 15) / 16 * 16; }

// What the steps hand on: codes in lines of 16 bytes, scales, marks, and the number of marked columns before them.
struct Scratch {
    i64 line;
    signed char *codes;
    float *absmax;
    u8 *outliers;
    int *count, *columns;
    signed char *weight;

    DEVICE Scratch(void *memory, i64 rows, i64 k) : line(rounded(k)) {
        codes = static_cast<signed char *>(memory);
        absmax = reinterpret_cast<float *>(codes + rows * line);
        outliers = reinterpret_cast<u8 *>(absmax + rounded(rows));
        count = reinterpret_cast<int *>(outliers + line);
        columns = count + 4;
        weight = reinterpret_cast<signed char *>(columns + line);
    }
};

// The marked columns in order, by one block: each thread counts its part, then writes behind those before it.
DEVICE void list(const Scratch &s, i64 k) {
    __shared__ int before[257];
    const i64 part = (k + 255) / 256, from = threadIdx.x * part, to = from + part < k ? from + part : k;
    int mine = 0;
    for (i64 j = from; j < to; j++) mine += s.outliers[j];
    before[threadIdx.x + 1] = mine;
    __syncthreads();
    if (threadIdx.x == 0) {
        before[0] = 0;
        for (int i = 1; i <= 256; i++) before[i] += before[i - 1];
        *s.count = before[256];
    }
    __syncthreads();
    int at = before[threadIdx.x];
    for (i64 j = from; j < to; j++)
        if (s.outliers[j]) s.columns[at++] = static_cast<int>(j);
}

// Rows of the weight in lines of 16 bytes too, where they do not lie so.
DEVICE void fill_up(const signed char *weight, const Scratch &s, i64 n, i64 k) {
    for (i64 i = thread_number(); i < n * s.line; i += thread_count()) {
        const i64 row = i / s.line, j = i % s.line;
        s.weight[i] = j < k ? weight[row * k + j] : 0;
    }
}

constexpr int WIDE = 33;  // of 32 staged sums: rows begin in different banks

template <class T>
struct Layer {
    const T *x;
    const signed char *weight;
    const float *weight_absmax;
    const T *bias;
    T *y;
    i64 rows, k, n;
    const Scratch &s;

    DEVICE void store(i64 m, i64 j, int sum) const {
        if (m >= rows || j >= n) return;
        float apart = 0;
        for (int c = 0; c < *s.count; c++) {
            const i64 column = s.columns[c];
            apart += widen(x[m * k + column]) * static_cast<float>(weight[j * k + column]);
        }
        const float scale = weight_absmax[j];
        const float value = static_cast<float>(sum) * (s.absmax[m] * scale / 16129) + apart * (scale / 127);
        y[m * n + j] = narrow<T>(value + (bias ? widen(bias[j]) : 0));
    }

    // 32 rows of x from m on by 32 of the weight from j on; `staged` is the warp's own.
    DEVICE void tile(i64 m, i64 j, int *staged) const {
        const int lane = static_cast<int>(threadIdx.x) % 32, q = lane / 4, t = lane % 4;
        const signed char *lines = k == s.line ? weight : s.weight;
        const uint4 none = make_uint4(0, 0, 0, 0);
        int sums[2][4][4] = {};
        for (i64 d = 0; d < s.line; d += 64) {
            const bool there = d + t * 16 < s.line;
            uint4 a[4], b[4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const i64 row = m + i * 8 + q, other = j + i * 8 + q;
                a[i] = there && row < rows ? load16(s.codes + row * s.line + d + t * 16) : none;
                b[i] = there && other < n ? load16(lines + other * s.line + d + t * 16) : none;
            }
            both(sums, a, b);
        }
        __syncwarp();  // what was staged before has been read
#pragma unroll
        for (int i = 0; i < 2; i++)
#pragma unroll
            for (int h = 0; h < 4; h++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    staged[(i * 16 + e / 2 * 8 + q) * WIDE + h * 8 + t * 2 + e % 2] = sums[i][h][e];
        __syncwarp();
        for (int i = 0; i < 32; i++) store(m + i, j + lane, staged[i * WIDE + lane]);
    }

    DEVICE static void both(int (&sums)[2][4][4], const uint4 (&a)[4], const uint4 (&b)[4]) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
            const uint4 &upper = a[2 * i], &lower = a[2 * i + 1];
            const u32 first[4] = {upper.x, lower.x, upper.y, lower.y}, second[4] = {upper.z, lower.z, upper.w, lower.w};
#pragma unroll
            for (int h = 0; h < 4; h++) {
                mma_s8(sums[i][h], first, b[h].x, b[h].y);
                mma_s8(sums[i][h], second, b[h].z, b[h].w);
            }
        }
    }

    // Eight warps: side by side over the weight, or, where x has more rows, in two rows of four.
    DEVICE void all() const {
        __shared__ int staged[8][32 * WIDE];
        const int down = rows > 32 ? 2 : 1, warp = static_cast<int>(threadIdx.x) / 32;
        const i64 tall = down * 32, wide = 8 / down * 32;
        for (i64 m = blockIdx.y * tall; m < rows; m += gridDim.y * tall)
            for (i64 j = blockIdx.x * wide; j < n; j += gridDim.x * wide) 
                tile(m + warp % down * 32, j + warp / down * 32, staged[warp]);
    }
};

#define STEP(SUFFIX, T, NAME)                                                                                     \
    KERNEL(256) int8_linear_v1_tiles_##NAME##SUFFIX(const T *x, const signed char *weight, const float *weight_absmax,     \
                                                    const T *bias, T *y, i64 rows, i64 k, i64 n, double threshold, \
                                                    void *scratch)
#define DEFINE(T, NAME)                                                                                           \
    STEP(_clear, T, NAME) { clear(Scratch(scratch, rows, k).outliers, k); }                                       \
    STEP(_mark, T, NAME) { mark(x, Scratch(scratch, rows, k).outliers, rows, k, static_cast<float>(threshold)); } \
    STEP(_rows, T, NAME) {                                                                                        \
        const Scratch s(scratch, rows, k);                                                                        \
        encode(x, s.codes, s.absmax, s.outliers, rows, k, s.line, static_cast<float>(threshold));                 \
    }                                                                                                             \
    STEP(_list, T, NAME) { list(Scratch(scratch, rows, k), k); }                                                  \
    STEP(_weight, T, NAME) { fill_up(weight, Scratch(scratch, rows, k), n, k); }                                                  \
    STEP(, T, NAME) {                                                                                             \
        const Scratch s(scratch, rows, k);                                                                        \
        Layer<T>{x, weight, weight_absmax, bias, y, rows, k, n, s}.all();                                         \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
