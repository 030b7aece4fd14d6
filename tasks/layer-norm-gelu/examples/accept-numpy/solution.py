"""layer-norm-gelu in NumPy: in place, in blocks of rows that stay in the cache between the passes."""

import numpy as np

BLOCK_ELEMENTS = 32768  # 128 KiB of float32
# Abramowitz and Stegun 7.1.26: erfc(u) = t (a1 + t (a2 + ...)) exp(-u^2) with t = 1 / (1 + p u), to 1.5e-7
P = np.float32(0.3275911)
A = [np.float32(a) for a in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)]


def layer_norm_gelu(x, gamma, beta, y):
    rows, cols = x.shape
    if not x.size:
        return
    step = max(1, BLOCK_ELEMENTS // cols)
    for start in range(0, rows, step):
        out = y[start : start + step]
        normalise(x[start : start + step], gamma, beta, out)
        gelu(out)


def normalise(x, gamma, beta, out):
    np.subtract(x, x[:, :1], out=out)  # rows may lie far from zero: shift before summing
    out -= out.mean(axis=1, keepdims=True)
    variance = np.einsum("ij,ij->i", out, out) / np.float32(x.shape[1])
    out *= (1.0 / np.sqrt(variance + np.float32(1e-5)))[:, None]
    out *= gamma
    out += beta


def gelu(z):
    u = np.abs(z)
    u *= np.float32(np.sqrt(0.5))
    t = u * P
    t += 1.0
    np.reciprocal(t, out=t)
    tail = np.full_like(z, A[0])
    for a in A[1:]:
        tail *= t
        tail += a
    tail *= t
    np.multiply(u, u, out=u)
    np.negative(u, out=u)
    tail *= np.exp(u, out=u)
    tail *= 0.5  # P(Z > |z|)
    np.subtract(1.0, tail, out=t)
    np.copyto(t, tail, where=z < 0)
    z *= t
