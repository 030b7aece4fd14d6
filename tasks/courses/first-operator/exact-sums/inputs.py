"""Fresh inputs: ordinary numbers, and in each row one of a hundred million at a random place."""

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    rows, n = dims["rows"], dims["n"]
    x = rng.random((rows, n), dtype=np.float32)
    x *= 100.0
    x[np.arange(rows), rng.integers(0, n // 2, rows)] = rng.uniform(1e8, 3e8, rows).astype(np.float32)
    return {"x": x}
