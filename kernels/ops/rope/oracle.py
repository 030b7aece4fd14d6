"""Rotary embedding in NumPy, in the dtype of its input; tokens before heads."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.errors import BadArgument


def rope(x: Any, cos: Any, sin: Any, positions: Any, offset: int, style: str) -> Any:
    n = x.shape[-3]
    at = (np.arange(n) if positions is None else positions) + offset
    if at.size and not 0 <= at.min() <= at.max() < len(cos):
        raise BadArgument(f"rope: positions {at.min()} to {at.max()}; the tables have 0 to {len(cos) - 1}")
    c, s = (table[at][..., None, :].astype(x.dtype) for table in (cos, sin))
    half = cos.shape[1]
    if style == "half":
        first, second = slice(0, half), slice(half, 2 * half)
    else:
        first, second = slice(0, 2 * half, 2), slice(1, 2 * half, 2)
    a, b = x[..., first], x[..., second]
    y = x.copy()
    with np.errstate(invalid="ignore"):
        y[..., first] = a * c - b * s
        y[..., second] = b * c + a * s
    return y


def rope_grad(dy: Any, cos: Any, sin: Any, positions: Any, offset: int, style: str) -> Any:
    return rope(dy, cos, -sin, positions, offset, style)
