"""LLM.int8() in NumPy, in the dtype given; codes and 16-bit storage are computed in float32."""

from __future__ import annotations

from typing import Any

import numpy as np


def int8_quantize_rows(x: Any, threshold: float) -> Any:
    x = x.astype(np.float32)
    size = np.abs(x)
    large = size >= np.float32(threshold) if threshold > 0 else np.zeros(x.shape, np.bool_)
    absmax = np.max(np.where(large, np.float32(0), size), axis=-1, initial=0)
    outliers = large.any(axis=tuple(range(x.ndim - 1)))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        scale = np.where(absmax == 0, np.float32(0), np.float32(127) / absmax)
        codes = np.clip(np.rint(x * scale[..., None]), -127, 127)
    codes = np.where(np.isnan(codes) | outliers, 0, codes).astype(np.int8)
    return codes, absmax, outliers


def int8_linear(x: Any, weight: Any, weight_absmax: Any, bias: Any, threshold: float) -> Any:
    codes, absmax, outliers = int8_quantize_rows(x, threshold)
    x = _wide(x)
    # Whole numbers below 2^53: the product through float64 is exact.
    sums = codes.astype(np.float64) @ weight.T.astype(np.float64)
    scales = absmax.astype(x.dtype)[..., None] * (weight_absmax.astype(x.dtype) / x.dtype.type(16129))
    with np.errstate(invalid="ignore", over="ignore"):
        y = sums.astype(x.dtype) * scales
        y = y + x[..., outliers] @ _decoded(weight[:, outliers], weight_absmax, x.dtype).T
        return y if bias is None else y + _wide(bias)


def int8_linear_grad(grad: Any, weight: Any, absmax: Any) -> Any:
    grad = _wide(grad)
    return grad @ _decoded(weight, absmax, grad.dtype)


def _decoded(weight: Any, absmax: Any, kind: Any) -> Any:
    return weight.astype(kind) * (absmax.astype(kind) / kind.type(127))[:, None]


def _wide(array: Any) -> Any:
    return array.astype(np.float32) if array.dtype.itemsize == 2 else array
