#include <stdint.h>

void row_stats(const double *x, double *mean, double *variance, int64_t rows, int64_t cols)
{
    for (int64_t r = 0; r < rows; r++) {
        long double sum = 0, squares = 0;
        for (int64_t c = 0; c < cols; c++)
            sum += x[r * cols + c];
        for (int64_t c = 0; c < cols; c++) {
            long double off = x[r * cols + c] - sum / cols;
            squares += off * off;
        }
        mean[r] = (double)(sum / cols);
        variance[r] = (double)(squares / cols);
    }
}
