"""Fresh inputs: positive numbers, so that no sum is small by cancellation; rows of different size."""

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    rows, n = dims["rows"], dims["n"]
    a = rng.random((rows, n), dtype=np.float32)
    a *= 10.0 ** rng.uniform(-1, 1, (rows, 1)).astype(np.float32)
    b = rng.random((rows, n), dtype=np.float32)
    b += 0.1
    return {"a": a, "b": b}
