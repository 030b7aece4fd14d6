"""Scans of the last axis in NumPy, in the dtype of their input."""

from __future__ import annotations

from typing import Any

import numpy as np


def cumsum(x: Any, exclusive: bool) -> Any:
    return _scan(np.add, x, exclusive, 0)


def cumprod(x: Any, exclusive: bool) -> Any:
    return _scan(np.multiply, x, exclusive, 1)


def cummax(x: Any, exclusive: bool) -> Any:
    return _scan(np.maximum, x, exclusive, np.iinfo(x.dtype).min if x.dtype.kind == "i" else -np.inf)


def _scan(step: Any, x: Any, exclusive: bool, start: float) -> Any:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        inclusive = step.accumulate(x, axis=-1)
    if not exclusive or x.shape[-1] == 0:
        return inclusive
    shifted = np.empty_like(inclusive)
    shifted[..., 0] = start
    shifted[..., 1:] = inclusive[..., :-1]
    return shifted
