// Known wrong: gamma and beta have become one argument that nobody declared.
#include <cmath>
#include <cstdint>

extern "C" void layer_norm_gelu(const float *x, const float *gamma, const float *beta, float *y,
                                std::int64_t rows, std::int64_t cols)
{
    for (std::int64_t i = 0; i < rows * cols; i++)
        y[i] = x[i] * affine[i % cols].gamma + affine[i % cols].beta;
}
