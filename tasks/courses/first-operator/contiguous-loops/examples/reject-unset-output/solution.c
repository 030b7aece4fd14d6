#include <stdint.h>

void column_means(const float *x, float *y, int64_t rows, int64_t cols)
{
    for (int64_t i = 0; i < rows; i++) /* adds to what was there: NaN */
        for (int64_t j = 0; j < cols; j++)
            y[j] += x[i * cols + j] / (float)rows;
}
