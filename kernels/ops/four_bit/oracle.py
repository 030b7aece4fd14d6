"""4-bit quantisation in NumPy, in the dtype given; codes and 16-bit storage are computed in float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.ops.blockwise.oracle import count_below, midpoints, scaled
from kernels.quant.codes import FP4_ASCENDING, NF4

# Midpoints of the magnitudes 0, 1/192, 1/6, 1/4, 1/3, 1/2, 2/3, 1, as fractions.
_FP4_BELOW = np.array([1, 11, 5, 7, 5, 7, 5], np.float32) / np.array(
    [384, 128, 24, 24, 12, 12, 6], np.float32
)


def codes_of(y: Any, quant_type: str) -> Any:
    if quant_type == "nf4":
        return count_below(midpoints(NF4), y)
    ranks = count_below(_FP4_BELOW, np.abs(y))
    return np.array(FP4_ASCENDING, np.uint8)[ranks] | np.where(y < 0, 8, 0).astype(np.uint8)


def quantize_4bit(x: Any, quant_type: str, blocksize: int) -> Any:
    y, absmax = scaled(x, blocksize)
    codes = codes_of(y, quant_type)
    codes = np.append(codes, np.zeros(codes.size % 2, np.uint8))
    return (codes[0::2] << 4 | codes[1::2])[:, None], absmax


def _decoded(
    packed: Any, values: Any, absmax: Any, absmax8: Any, nested: Any, nested_map: Any, n: int, sizes: Any
) -> Any:
    blocksize, group, offset = sizes
    codes = np.stack([packed.ravel() >> 4, packed.ravel() & 15], axis=1).ravel()[:n]
    if absmax is None:
        absmax = nested_map[absmax8] * np.repeat(nested, group)[: absmax8.size] + nested.dtype.type(offset)
    with np.errstate(invalid="ignore"):
        return values[codes] * np.repeat(absmax, blocksize)[:n]


def dequantize_4bit(*given: Any) -> Any:
    *arrays, rows, columns, blocksize, group, offset = given
    found = _decoded(*arrays, rows * columns, (blocksize, group, offset))  # type: ignore[call-arg]
    return found.reshape(rows, columns)


def gemm_4bit(x: Any, *given: Any) -> Any:
    *arrays, bias, n, blocksize, group, offset = given
    k = x.shape[-1]
    weights = _decoded(*arrays, n * k, (blocksize, group, offset))  # type: ignore[call-arg]
    with np.errstate(invalid="ignore"):
        y = x.astype(weights.dtype) @ weights.reshape(n, k).T
        return y if bias is None else y + bias.astype(y.dtype)
