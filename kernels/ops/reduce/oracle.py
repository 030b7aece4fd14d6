"""Reductions of the middle axis in NumPy, in the dtype of their input."""

from __future__ import annotations

from typing import Any

import numpy as np


def reduce_sum(x: Any) -> Any:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.sum(x, axis=1)


def reduce_mean(x: Any) -> Any:
    if x.shape[1] == 0:
        return np.full((x.shape[0], x.shape[2]), np.nan, x.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.mean(x, axis=1)


def reduce_prod(x: Any) -> Any:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return np.prod(x, axis=1)


def reduce_max(x: Any) -> Any:
    with np.errstate(invalid="ignore"):
        return np.max(x, axis=1)


def reduce_min(x: Any) -> Any:
    with np.errstate(invalid="ignore"):
        return np.min(x, axis=1)


def reduce_l2(x: Any) -> Any:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return np.sqrt(np.sum(x * x, axis=1))
