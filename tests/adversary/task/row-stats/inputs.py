"""Rows of several kinds in one input, the first an easy one: who looks at a few rows learns nothing."""

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    rows, cols = dims["rows"], dims["cols"]
    x = rng.standard_normal((rows, cols))
    kinds = rng.integers(0, 5, rows)
    x[kinds == 1] += 1e4  # large against their spread: a difference of squares cancels
    x[kinds == 2] *= rng.random((1, cols)) < 0.1  # sparse
    x[kinds == 3] = np.sort(x[kinds == 3], axis=1)
    x[kinds == 4] *= 1e-3
    if rows > 1:
        x[0] = rng.standard_normal()  # all equal
        x[-1] += 1e4
    return {"x": x}
