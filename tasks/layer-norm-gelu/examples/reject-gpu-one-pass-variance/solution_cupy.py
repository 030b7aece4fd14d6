"""Known wrong: the variance as the mean of the squares less the square of the mean, in float32."""

import cupy

gelu = cupy.ElementwiseKernel(
    "float32 z", "float32 y", "y = 0.5f * z * (1.0f + erff(z * 0.70710678f))", "gelu"
)


def layer_norm_gelu(x, gamma, beta, y):
    if x.size == 0:
        return
    mean = x.mean(axis=1, keepdims=True)
    variance = cupy.maximum((x * x).mean(axis=1, keepdims=True) - mean * mean, 0)
    gelu((x - mean) / cupy.sqrt(variance + cupy.float32(1e-5)) * gamma + beta, y)
