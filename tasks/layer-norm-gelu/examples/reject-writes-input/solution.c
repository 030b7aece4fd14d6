/* Known wrong: normalises the input in place, through a cast. The judge's inputs are mapped read-only. */
#include <math.h>
#include <stdint.h>

void layer_norm_gelu(const float *x, const float *gamma, const float *beta, float *y, int64_t rows,
                     int64_t cols)
{
    float *scratch = (float *)x;
    for (int64_t i = 0; i < rows; i++, scratch += cols, y += cols) {
        double sum = 0.0, squares = 0.0;
        for (int64_t j = 0; j < cols; j++)
            sum += scratch[j];
        for (int64_t j = 0; j < cols; j++) {
            scratch[j] -= (float)(sum / (double)cols);
            squares += scratch[j] * scratch[j];
        }
        double scale = 1.0 / sqrt(squares / (double)cols + 1e-5);
        for (int64_t j = 0; j < cols; j++) {
            float z = (float)(scratch[j] * scale) * gamma[j] + beta[j];
            y[j] = 0.5f * z * (1.0f + erff(z * 0.70710678f));
        }
    }
}
