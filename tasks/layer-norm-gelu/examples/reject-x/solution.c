/* Baseline of layer-norm-gelu: two operators one after the other, as a framework without fusion runs them. */
#include <math.h>
#include <stdint.h>

static void layer_norm(const float *x, const float *gamma, const float *beta, float *y, int64_t rows,
                       int64_t cols)
{
    for (int64_t i = 0; i < rows; i++) {
        const float *in = x + i * cols;
        float *out = y + i * cols;

        /* In double, and the mean first: rows may lie far from zero. */
        double sum = 0.0;
        for (int64_t j = 0; j < cols; j++)
            sum += in[j];
        double mean = sum / (double)cols;

        double squares = 0.0;
        for (int64_t j = 0; j < cols; j++)
            squares += (in[j] - mean) * (in[j] - mean);
        float scale = (float)(1.0 / sqrt(squares / (double)cols + 1e-5));

        for (int64_t j = 0; j < cols; j++)
            out[j] = (float)(in[j] - mean) * scale * gamma[j] + beta[j];
    }
}

static void gelu(float *y, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        y[i] = 0.5f * y[i] * (1.0f + erff(y[i] * 0.70710678f));
}

void layer_norm_gelu(const float *x, const float *gamma, const float *beta, float *y, int64_t rows,
                     int64_t cols)
{
    layer_norm(x, gamma, beta, y, rows, cols);
    gelu(y, rows * cols);
}
