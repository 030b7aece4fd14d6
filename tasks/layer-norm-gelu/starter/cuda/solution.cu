// layer-norm-gelu in CUDA C++: correct, with one thread to a row. Make it faster.
//
//   x            rows * cols floats in the card's memory, row after row, read-only
//   gamma, beta  cols floats each, read-only
//   y            rows * cols floats, to be filled: whatever you leave unwritten counts as wrong
//   rows, cols may be 0, and need not be multiples of anything
//
// This file is compiled twice: for the card, where __CUDACC__ is defined, and for the host.
#include <touchstone.h>

#ifdef __CUDACC__

__device__ float gelu(float z) { return 0.5f * z * (1.0f + erff(z * 0.70710678f)); }

extern "C" __global__ void norm_rows(const float *x, const float *gamma, const float *beta, float *y, long long rows,
                                     long long cols)
{
    long long row = blockIdx.x * 128ll + threadIdx.x;
    if (row >= rows)
        return;
    x += row * cols;
    y += row * cols;
    double sum = 0, squares = 0; // a card is slow in double: where else could the digits come from?
    for (long long j = 0; j < cols; j++)
        sum += x[j];
    double mean = sum / (double)cols;
    for (long long j = 0; j < cols; j++)
        squares += (x[j] - mean) * (x[j] - mean);
    float scale = (float)(1.0 / sqrt(squares / (double)cols + 1e-5));
    for (long long j = 0; j < cols; j++)
        y[j] = gelu((float)(x[j] - mean) * scale * gamma[j] + beta[j]);
}

#else

extern "C" void layer_norm_gelu(const float *x, const float *gamma, const float *beta, float *y, int64_t rows,
                                int64_t cols)
{
    if (rows && cols)
        touchstone::launch("norm_rows", {unsigned((rows + 127) / 128)}, {128}, 0, x, gamma, beta, y, (long long)rows,
                           (long long)cols);
}

#endif
