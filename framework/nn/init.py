"""First values of parameters: tensors of a shape, drawn from the process's stream (`ops.set_seed`).

Fans of a weight (out, in, *window) are in·window and out·window. To begin otherwise than a layer does:
`cell.weight.assign(init.he_normal(cell.weight.shape))`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework import ops
from framework.core.tensor import Tensor
from framework.errors import ShapeError

Shape = tuple[int, ...]


def truncated_normal(shape: Shape, std: float = 1.0) -> Tensor:
    """Normal with deviation `std`, what is beyond two of them drawn by the inverse of the distribution
    instead.
    """
    low = 0.5 * (1 + math.erf(-2 / math.sqrt(2)))
    chances = low + (1 - 2 * low) * ops.rand(shape).asnumpy().astype(np.float64)
    return Tensor((_quantile(chances) * std).astype(np.float32))


def xavier_uniform(shape: Shape, gain: float = 1.0) -> Tensor:
    """Uniform in ±gain·√(6 / (fan in + fan out)) (Glorot and Bengio 2010)."""
    bound = gain * math.sqrt(6 / sum(_fans(shape)))
    return ops.uniform(shape, -bound, bound)


def xavier_normal(shape: Shape, gain: float = 1.0) -> Tensor:
    """Normal with deviation gain·√(2 / (fan in + fan out)) (Glorot and Bengio 2010)."""
    return ops.normal(shape, std=gain * math.sqrt(2 / sum(_fans(shape))))


def he_uniform(shape: Shape, gain: float = math.sqrt(2)) -> Tensor:
    """Uniform in ±gain·√(3 / fan in); the gain is that of ReLU (He et al. 2015)."""
    bound = gain * math.sqrt(3 / _fans(shape)[0])
    return ops.uniform(shape, -bound, bound)


def he_normal(shape: Shape, gain: float = math.sqrt(2)) -> Tensor:
    """Normal with deviation gain / √(fan in); the gain is that of ReLU (He et al. 2015)."""
    return ops.normal(shape, std=gain / math.sqrt(_fans(shape)[0]))


def orthogonal(shape: Shape, gain: float = 1.0) -> Tensor:
    """Rows (or columns, if there are fewer) at right angles, of length `gain` (Saxe et al. 2014)."""
    _fans(shape)
    rows, columns = shape[0], math.prod(shape[1:])
    drawn = ops.normal((max(rows, columns), min(rows, columns))).asnumpy()
    q, r = np.linalg.qr(drawn)
    q = q * np.sign(np.diagonal(r))  # else not all orthogonal matrices would be equally likely
    return Tensor((gain * (q if rows >= columns else q.T)).reshape(shape).astype(np.float32))


def _fans(shape: Shape) -> tuple[int, int]:
    if len(shape) < 2:
        raise ShapeError(f"shape {shape} has no fans: a weight (out, in, …) of two or more axes has")
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def _quantile(chances: Any) -> Any:
    """The inverse of the normal distribution function by bisection, for chances between those of ±2."""
    low, high = np.full_like(chances, -2.0), np.full_like(chances, 2.0)
    for _ in range(50):
        middle = (low + high) / 2
        below = 0.5 * (1 + ops.erf(middle / math.sqrt(2)).asnumpy()) < chances
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return low
