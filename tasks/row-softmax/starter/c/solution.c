/* row-softmax in C: correct, and as slow as the baseline. Make it faster.
 *
 *   x  rows * cols floats, row after row, read-only
 *   y  the same shape, to be filled: whatever you leave unwritten counts as wrong
 *   rows, cols may be 0, and need not be multiples of anything
 */
#include <math.h>
#include <stdint.h>

void row_softmax(const float *x, float *y, int64_t rows, int64_t cols)
{
    for (int64_t i = 0; i < rows; i++) {
        const float *in = x + i * cols;
        float *out = y + i * cols;
        float largest = -INFINITY;
        float sum = 0.0f;

        for (int64_t j = 0; j < cols; j++)
            largest = fmaxf(largest, in[j]);
        for (int64_t j = 0; j < cols; j++)
            sum += out[j] = expf(in[j] - largest); /* nearly all of the time goes here */
        for (int64_t j = 0; j < cols; j++)
            out[j] /= sum;
    }
}
