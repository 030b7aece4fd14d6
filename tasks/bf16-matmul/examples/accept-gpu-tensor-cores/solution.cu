// bf16-matmul on tensor cores: each warp of a block multiplies 16 x 16 by 16 x 8 elements with one instruction. The
// header is one of the library `kernels`: mma_bf16 adds a product to four sums of each lane.
#include <touchstone.h>

#ifdef __CUDACC__
#include <kernel.cuh>

constexpr int ROWS = 64, COLS = 64, DEPTH = 16; // of a block: 4 warps, 16 rows each

// Two elements that follow each other, as a register of the instruction holds them.
DEVICE unsigned pair(unsigned short low, unsigned short high) { return low | (unsigned)high << 16; }

extern "C" __global__ void __launch_bounds__(128)
    product(const unsigned short *a, const unsigned short *b, float *c, long long m, long long n, long long k)
{
    __shared__ unsigned short left[ROWS][DEPTH + 8], right[COLS][DEPTH + 8]; // right lies transposed
    const int thread = threadIdx.x, warp = thread / 32, lane = thread % 32;
    const long long row0 = blockIdx.y * (long long)ROWS, col0 = blockIdx.x * (long long)COLS;
    float sums[COLS / 8][4] = {};
    for (long long start = 0; start < k; start += DEPTH) {
        for (int e = thread; e < ROWS * DEPTH; e += 128) {
            long long i = row0 + e / DEPTH, p = start + e % DEPTH;
            left[e / DEPTH][e % DEPTH] = i < m && p < k ? a[i * k + p] : 0;
        }
        for (int e = thread; e < COLS * DEPTH; e += 128) {
            long long p = start + e / COLS, j = col0 + e % COLS;
            right[e % COLS][e / COLS] = p < k && j < n ? b[p * n + j] : 0;
        }
        __syncthreads();
        const int at = warp * 16 + lane / 4, two = lane % 4 * 2;
        const unsigned own[4] = {pair(left[at][two], left[at][two + 1]),
                                 pair(left[at + 8][two], left[at + 8][two + 1]),
                                 pair(left[at][two + 8], left[at][two + 9]),
                                 pair(left[at + 8][two + 8], left[at + 8][two + 9])};
        for (int tile = 0; tile < COLS / 8; tile++) {
            const unsigned short *column = right[tile * 8 + lane / 4];
            mma_bf16(sums[tile], own, pair(column[two], column[two + 1]), pair(column[two + 8], column[two + 9]));
        }
        __syncthreads();
    }
    for (int tile = 0; tile < COLS / 8; tile++)
        for (int e = 0; e < 4; e++) {
            long long i = row0 + warp * 16 + lane / 4 + e / 2 * 8, j = col0 + tile * 8 + lane % 4 * 2 + e % 2;
            if (i < m && j < n)
                c[i * n + j] = sums[tile][e];
        }
}

#else

extern "C" void bf16_matmul(const uint16_t *a, const uint16_t *b, float *c, int64_t m, int64_t n, int64_t k)
{
    if (m && n)
        touchstone::launch("product", {unsigned((n + 63) / 64), unsigned((m + 63) / 64)}, {128}, 0, a, b, c,
                           (long long)m, (long long)n, (long long)k);
}

#endif
