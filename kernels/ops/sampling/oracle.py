"""Top-p sampling in NumPy.

Sums are in float64 whatever the input is, because the result is a choice, not a rounded number.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def sample_top_p(logits: Any, u: Any, p: float, temperature: float, top_k: int) -> Any:
    rows = logits.reshape(-1, logits.shape[-1]) if logits.size else np.empty((np.size(u), 0))
    drawn = [
        _draw(np.asarray(row, np.float64), float(each), p, temperature, top_k)
        for row, each in zip(rows, np.ravel(u), strict=True)
    ]
    return np.array(drawn, np.int64).reshape(np.shape(u))


def _draw(row: Any, u: float, p: float, temperature: float, top_k: int) -> int:
    if not len(row) or np.isnan(row).any() or row.max() == -np.inf:
        return -1
    order = np.argsort(-row, kind="stable")
    if temperature == 0:
        return int(order[0])
    top = row[order[0]]
    with np.errstate(invalid="ignore", over="ignore"):
        weights = np.exp(np.where(row[order] == top, 0, (row[order] - top) / temperature))
    mass = np.cumsum(weights[: top_k or None])
    kept = mass[: np.searchsorted(mass, p * mass[-1]) + 1]
    drawn = np.searchsorted(kept, u * kept[-1], side="right")
    return int(order[min(drawn, len(kept) - 1)])
