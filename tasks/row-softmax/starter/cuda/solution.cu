// row-softmax in CUDA C++: correct, with one thread to a row. Make it faster.
//
//   x  rows * cols floats in the card's memory, row after row, read-only
//   y  the same shape, to be filled: whatever you leave unwritten counts as wrong
//   rows, cols may be 0, and need not be multiples of anything
//
// This file is compiled twice: for the card, where __CUDACC__ is defined, and for the host.
#include <touchstone.h>

#ifdef __CUDACC__

extern "C" __global__ void softmax_rows(const float *x, float *y, long long rows, long long cols)
{
    long long row = blockIdx.x * 128ll + threadIdx.x;
    if (row >= rows)
        return;
    x += row * cols;
    y += row * cols;
    float largest = -__int_as_float(0x7f800000), sum = 0.0f;
    for (long long j = 0; j < cols; j++)
        largest = fmaxf(largest, x[j]);
    for (long long j = 0; j < cols; j++)
        sum += y[j] = expf(x[j] - largest); // neighbouring threads read addresses that lie a row apart
    for (long long j = 0; j < cols; j++)
        y[j] /= sum;
}

#else

extern "C" void row_softmax(const float *x, float *y, int64_t rows, int64_t cols)
{
    if (rows && cols)
        touchstone::launch("softmax_rows", {unsigned((rows + 127) / 128)}, {128}, 0, x, y, (long long)rows,
                           (long long)cols);
}

#endif
