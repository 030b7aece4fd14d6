"""8-bit blockwise quantisation in NumPy. Codes are decided in float32, as the rule says."""

from __future__ import annotations

from typing import Any

import numpy as np

TINY = np.float32(1e-38)


def blocks_of(x: Any, blocksize: int) -> Any:
    """Flat, one row per block, the last one filled up with zeros."""
    flat = np.ravel(x)
    missing = -flat.size % blocksize
    return np.concatenate([flat, np.zeros(missing, flat.dtype)]).reshape(-1, blocksize)


def scaled(x: Any, blocksize: int) -> tuple[Any, Any]:
    """Each block over its largest magnitude, and those magnitudes (NaN where there is a NaN)."""
    blocks = blocks_of(x.astype(np.float32), blocksize)
    absmax = np.max(np.abs(blocks), axis=1, initial=0)
    with np.errstate(invalid="ignore"):
        scale = np.float32(1) / np.maximum(absmax, TINY)
        return (blocks * scale[:, None]).reshape(-1)[: x.size], absmax


def count_below(thresholds: Any, y: Any) -> Any:
    """How many thresholds lie strictly below each value; 0 for a NaN."""
    return np.where(np.isnan(y), 0, np.searchsorted(thresholds, y, side="left")).astype(np.uint8)


def midpoints(ascending: Any) -> Any:
    ascending = ascending.astype(np.float32)
    return (ascending[:-1] + ascending[1:]) * np.float32(0.5)


def quantize_blockwise(x: Any, values: Any, blocksize: int) -> Any:
    y, absmax = scaled(x, blocksize)
    return count_below(midpoints(values), y).reshape(x.shape), absmax


def dequantize_blockwise(codes: Any, absmax: Any, values: Any, blocksize: int) -> Any:
    scales = np.repeat(absmax, blocksize)[: codes.size].reshape(codes.shape)
    with np.errstate(invalid="ignore"):
        return values[codes] * scales
