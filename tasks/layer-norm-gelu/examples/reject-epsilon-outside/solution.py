"""Known wrong: adds epsilon to the deviation instead of the variance. Only rows of small values show it."""

import numpy as np

P = 0.3275911
A = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


def layer_norm_gelu(x, gamma, beta, y):
    if not x.size:
        return
    wide = x.astype(np.float64)
    z = (wide - wide.mean(axis=1, keepdims=True)) / (wide.std(axis=1, keepdims=True) + 1e-5) * gamma + beta
    u = np.abs(z) * np.sqrt(0.5)
    t = 1.0 / (1.0 + P * u)
    tail = 0.5 * t * np.polyval(A, t) * np.exp(-u * u)
    y[:] = z * np.where(z < 0, tail, 1.0 - tail)
