"""Gradients by finite differences, to hold those of an oracle against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def slope(f: Callable[[Any], Any], x: np.ndarray, dy: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """The gradient of sum(f(x) * dy) by central differences, an element of x at a time, in float64."""
    found = np.empty_like(x)
    for place in np.ndindex(x.shape):
        there, back = x.copy(), x.copy()
        there[place] += step
        back[place] -= step
        found[place] = np.sum((f(there) - f(back)) * dy) / (2 * step)
    return found


def versions(operator: Any) -> list[str]:
    """The names of an operator's CPU versions, the best last."""
    return [each.name for each in operator.versions if each.device == "cpu"]
