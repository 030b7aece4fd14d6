/* Baseline of row-softmax: three plain passes over each row, one expf call per element. */
#include <math.h>
#include <stdint.h>

void row_softmax(const float *x, float *y, int64_t rows, int64_t cols)
{
    for (int64_t i = 0; i < rows; i++) {
        const float *in = x + i * cols;
        float *out = y + i * cols;

        /* The largest element goes to exp(0) = 1: nothing overflows. */
        float largest = -INFINITY;
        for (int64_t j = 0; j < cols; j++)
            if (in[j] > largest)
                largest = in[j];

        float sum = 0.0f;
        for (int64_t j = 0; j < cols; j++) {
            out[j] = expf(in[j] - largest);
            sum += out[j];
        }

        for (int64_t j = 0; j < cols; j++)
            out[j] /= sum;
    }
}
