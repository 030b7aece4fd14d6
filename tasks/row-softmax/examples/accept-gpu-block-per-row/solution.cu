// row-softmax on a card: a block to a row, neighbouring threads at neighbouring elements, one expf per element.
#include <touchstone.h>

#ifdef __CUDACC__

constexpr int THREADS = 256;

// Over the block, the same for all of its threads.
template <class Join>
__device__ float over_block(float mine, Join join)
{
    __shared__ float found[THREADS / 32];
    for (int step = 16; step; step /= 2)
        mine = join(mine, __shfl_xor_sync(0xffffffff, mine, step));
    __syncthreads();
    if (threadIdx.x % 32 == 0)
        found[threadIdx.x / 32] = mine;
    __syncthreads();
    float all = found[0];
    for (int warp = 1; warp < THREADS / 32; warp++)
        all = join(all, found[warp]);
    return all;
}

extern "C" __global__ void softmax_rows(const float *x, float *y, long long rows, long long cols)
{
    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
        const float *in = x + row * cols;
        float *out = y + row * cols;
        float largest = -__int_as_float(0x7f800000), sum = 0.0f;
        for (long long j = threadIdx.x; j < cols; j += THREADS)
            largest = fmaxf(largest, in[j]);
        largest = over_block(largest, [](float a, float b) { return fmaxf(a, b); });
        for (long long j = threadIdx.x; j < cols; j += THREADS)
            sum += out[j] = expf(in[j] - largest);
        sum = over_block(sum, [](float a, float b) { return a + b; });
        for (long long j = threadIdx.x; j < cols; j += THREADS)
            out[j] /= sum; // each thread reads what it has written itself
    }
}

#else

extern "C" void row_softmax(const float *x, float *y, int64_t rows, int64_t cols)
{
    if (rows && cols)
        touchstone::launch("softmax_rows", {unsigned(rows < 65535 ? rows : 65535)}, {256}, 0, x, y, (long long)rows,
                           (long long)cols);
}

#endif
