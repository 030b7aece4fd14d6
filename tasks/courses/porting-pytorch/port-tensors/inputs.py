"""Fresh inputs: rows around different means, of different spread."""

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    rows = dims["rows"]
    x = rng.random((rows, dims["cols"]), dtype=np.float32)
    x *= 10.0 ** rng.uniform(-1, 1, (rows, 1)).astype(np.float32)
    x += rng.uniform(-2, 2, (rows, 1)).astype(np.float32)
    return {"x": x}
