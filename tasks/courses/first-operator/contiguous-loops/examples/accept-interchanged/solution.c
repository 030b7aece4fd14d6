#include <stdint.h>

void column_means(const float *restrict x, float *restrict y, int64_t rows, int64_t cols)
{
    for (int64_t j = 0; j < cols; j++)
        y[j] = 0.0f;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            y[j] += x[i * cols + j];
    for (int64_t j = 0; j < cols; j++)
        y[j] /= (float)rows;
}
