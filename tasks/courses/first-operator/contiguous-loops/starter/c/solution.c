/* column_means: x is rows x cols, row after row in memory; y has cols elements, filled with NaN before each call. */
#include <stdint.h>

void column_means(const float *x, float *y, int64_t rows, int64_t cols)
{
    for (int64_t j = 0; j < cols; j++) {
        float sum = 0.0f;
        for (int64_t i = 0; i < rows; i++)
            sum += x[i * cols + j];
        y[j] = sum / (float)rows;
    }
}
