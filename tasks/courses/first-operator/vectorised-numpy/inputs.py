"""Fresh inputs: rows of different width around different centres, so that no row's range serves another."""

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    rows = dims["rows"]
    x = rng.random((rows, dims["cols"]), dtype=np.float32)
    x *= 10.0 ** rng.uniform(-1, 2, (rows, 1)).astype(np.float32)
    x += rng.uniform(-5, 5, (rows, 1)).astype(np.float32)
    return {"x": x}
