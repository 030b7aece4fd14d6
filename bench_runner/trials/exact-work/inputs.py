"""Fresh inputs of a case."""

from __future__ import annotations

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"x": rng.standard_normal(dims["n"], dtype=np.float32)}
