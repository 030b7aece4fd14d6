/* Known wrong: the tanh approximation of GELU. Common, close, and another function. */
#include <math.h>
#include <stdint.h>

void layer_norm_gelu(const float *x, const float *gamma, const float *beta, float *y, int64_t rows,
                     int64_t cols)
{
    for (int64_t i = 0; i < rows; i++, x += cols, y += cols) {
        double sum = 0.0, squares = 0.0;
        for (int64_t j = 0; j < cols; j++)
            sum += x[j];
        double mean = sum / (double)cols;
        for (int64_t j = 0; j < cols; j++)
            squares += (x[j] - mean) * (x[j] - mean);
        double scale = 1.0 / sqrt(squares / (double)cols + 1e-5);
        for (int64_t j = 0; j < cols; j++) {
            float z = (float)((x[j] - mean) * scale) * gamma[j] + beta[j];
            y[j] = 0.5f * z * (1.0f + tanhf(0.79788456f * (z + 0.044715f * z * z * z)));
        }
    }
}
