/* layer-norm-gelu in C: correct, one row at a time, not yet fast.
 *
 *   x           rows * cols floats, row after row, read-only
 *   gamma, beta cols floats each, read-only
 *   y           rows * cols floats, to be filled: whatever you leave unwritten counts as wrong
 *   rows, cols  may be 0, and need not be multiples of anything
 */
#include <math.h>
#include <stdint.h>

static const double EPSILON = 1e-5;

static float gelu(float z)
{
    return 0.5f * z * (1.0f + erff(z * 0.70710678f)); /* most of the time goes here */
}

void layer_norm_gelu(const float *x, const float *gamma, const float *beta, float *y, int64_t rows,
                     int64_t cols)
{
    for (int64_t i = 0; i < rows; i++, x += cols, y += cols) {
        double sum = 0.0, squares = 0.0; /* in double: what else keeps the digits, and costs less? */
        for (int64_t j = 0; j < cols; j++)
            sum += x[j];
        double mean = sum / (double)cols;
        for (int64_t j = 0; j < cols; j++)
            squares += (x[j] - mean) * (x[j] - mean);
        double scale = 1.0 / sqrt(squares / (double)cols + EPSILON);

        for (int64_t j = 0; j < cols; j++)
            y[j] = gelu((float)((x[j] - mean) * scale) * gamma[j] + beta[j]);
    }
}
