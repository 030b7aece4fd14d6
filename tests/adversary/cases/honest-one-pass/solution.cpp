#include <cstdint>

extern "C" void row_stats(const double *x, double *mean, double *variance, int64_t rows, int64_t cols)
{
    for (int64_t r = rows; r-- > 0;) {
        double m = 0, s = 0;
        for (int64_t c = 0; c < cols; c++) {
            double value = x[r * cols + c], before = value - m;
            m += before / double(c + 1);
            s += before * (value - m);
        }
        mean[r] = m;
        variance[r] = s / double(cols);
    }
}
