// layer-norm-gelu in C++: correct, one row at a time, not yet fast.
//
//   x           rows * cols floats, row after row, read-only
//   gamma, beta cols floats each, read-only
//   y           rows * cols floats, to be filled: whatever you leave unwritten counts as wrong
//   rows, cols  may be 0, and need not be multiples of anything
#include <cmath>
#include <cstdint>

namespace {

constexpr double epsilon = 1e-5;

float gelu(float z)
{
    return 0.5f * z * (1.0f + std::erf(z * 0.70710678f)); // most of the time goes here
}

} // namespace

extern "C" void layer_norm_gelu(const float *x, const float *gamma, const float *beta, float *y,
                                std::int64_t rows, std::int64_t cols)
{
    for (std::int64_t i = 0; i < rows; i++, x += cols, y += cols) {
        double sum = 0.0, squares = 0.0; // in double: what else keeps the digits, and costs less?
        for (std::int64_t j = 0; j < cols; j++)
            sum += x[j];
        const double mean = sum / double(cols);
        for (std::int64_t j = 0; j < cols; j++)
            squares += (x[j] - mean) * (x[j] - mean);
        const double scale = 1.0 / std::sqrt(squares / double(cols) + epsilon);

        for (std::int64_t j = 0; j < cols; j++)
            y[j] = gelu(float((x[j] - mean) * scale) * gamma[j] + beta[j]);
    }
}
