"""Matrix products in NumPy, in the dtype of their inputs; 16-bit storage is computed in float32."""

from __future__ import annotations

from typing import Any

import numpy as np


def matmul(
    a: Any, b: Any, bias: Any = None, transpose_a: bool = False, transpose_b: bool = False, alpha: float = 1.0
) -> Any:
    a, b = _turned(_wide(a), transpose_a), _turned(_wide(b), transpose_b)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        y = np.matmul(a, b) * a.dtype.type(alpha)
        return y if bias is None else y + _wide(bias)


def grouped_matmul(x: Any, w: Any, ends: Any, transpose_w: bool = False) -> Any:
    x, w = _wide(x), _turned(_wide(w), transpose_w)
    y = np.zeros((x.shape[0], w.shape[2]), x.dtype)
    start = 0
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for expert, end in enumerate(int(each) for each in ends):
            y[start:end] = x[start:end] @ w[expert]
            start = end
    return y


def matmul_int8(
    a: Any, b: Any, a_scale: Any, b_scale: Any, bias: Any = None, transpose_b: bool = False
) -> Any:
    exact = a.astype(np.float64) @ _turned(b, transpose_b).astype(np.float64)  # all sums are below 2^53
    y = exact.astype(a_scale.dtype) * a_scale[..., None] * b_scale
    return y if bias is None else y + bias


def _turned(array: Any, transpose: bool) -> Any:
    return array.swapaxes(-1, -2) if transpose else array


def _wide(array: Any) -> Any:
    return array.astype(np.float32) if array.dtype.itemsize == 2 else array
