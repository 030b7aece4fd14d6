"""Sorting in NumPy. bfloat16 is widened: that changes no order and no value, and NumPy cannot sort it."""

from __future__ import annotations

from typing import Any

import numpy as np


def sort(x: Any) -> Any:
    return np.sort(_comparable(x), axis=-1).astype(x.dtype, copy=False)


def argsort(x: Any) -> Any:
    return np.argsort(_comparable(x), axis=-1, kind="stable")


def _comparable(x: Any) -> Any:
    return x if x.dtype.kind in "fi" else x.astype(np.float32)
