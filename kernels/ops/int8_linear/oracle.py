"""LLM.int8() in NumPy. Codes are decided in float32, as the rule says; the rest is in the dtype given."""

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
    # Whole numbers below 2^53: the product through float64 is exact.
    sums = codes.astype(np.float64) @ weight.T.astype(np.float64)
    kind = x.dtype
    scales = absmax.astype(kind)[..., None] * (weight_absmax.astype(kind) / kind.type(16129))
    rest = weight[:, outliers].astype(kind) * (weight_absmax.astype(kind) / kind.type(127))[:, None]
    with np.errstate(invalid="ignore", over="ignore"):
        y = sums.astype(np.float32 if kind.itemsize < 4 else kind).astype(kind) * scales
        y = y + np.dot(x[..., outliers], rest.T)
        return y if bias is None else y + bias


def int8_linear_grad(grad: Any, weight: Any, absmax: Any) -> Any:
    kind = grad.dtype
    return np.dot(grad, weight.astype(kind) * (absmax.astype(kind) / kind.type(127))[:, None])
