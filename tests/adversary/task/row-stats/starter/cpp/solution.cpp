#include <cstdint>

extern "C" void row_stats(const double *x, double *mean, double *variance, int64_t rows, int64_t cols)
{
    for (int64_t r = 0; r < rows; r++) {
        const double *row = x + r * cols;
        double sum = 0, squares = 0;
        for (int64_t c = 0; c < cols; c++)
            sum += row[c];
        mean[r] = sum / cols;
        for (int64_t c = 0; c < cols; c++)
            squares += (row[c] - mean[r]) * (row[c] - mean[r]);
        variance[r] = squares / cols;
    }
}
