/* row_dots: a and b are rows x n, row after row; y has rows elements. */
#include <stdint.h>

void row_dots(const float *a, const float *b, float *y, int64_t rows, int64_t n)
{
    for (int64_t i = 0; i < rows; i++) {
        float sum = 0.0f;
        for (int64_t j = 0; j < n; j++)
            sum += a[i * n + j] * b[i * n + j];
        y[i] = sum;
    }
}
