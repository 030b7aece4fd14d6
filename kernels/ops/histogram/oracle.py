"""Counts in NumPy. Nothing is computed in the dtype of the input: it is compared, and counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.errors import BadArgument


def histogram(x: Any, bins: int, low: float, high: float) -> Any:
    edges = np.linspace(low, high, bins + 1)
    values = np.ravel(x).astype(np.float64)
    values = values[(values >= low) & (values <= high)]
    at = np.minimum(np.searchsorted(edges, values, side="right") - 1, bins - 1)
    return np.bincount(at, minlength=bins)


def bincount(x: Any, bins: int) -> Any:
    values = np.ravel(x)
    if values.size and not 0 <= int(values.min()) <= int(values.max()) < bins:
        raise BadArgument(f"bincount: a value lies outside 0 to {bins - 1}")
    return np.bincount(values, minlength=bins)
