/* Known wrong: the textbook formula without taking off the maximum. exp(1000) is infinite in float32. */
#include <math.h>
#include <stdint.h>

void row_softmax(const float *x, float *y, int64_t rows, int64_t cols)
{
    for (int64_t i = 0; i < rows; i++) {
        float sum = 0.0f;
        for (int64_t j = 0; j < cols; j++)
            sum += y[i * cols + j] = expf(x[i * cols + j]);
        for (int64_t j = 0; j < cols; j++)
            y[i * cols + j] /= sum;
    }
}
