"""Fresh inputs: x from -1 to 1, coefficients of either sign."""

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    x = rng.random(dims["n"], dtype=np.float32)
    x *= 2.0
    x -= 1.0
    return {"x": x, "c": rng.uniform(-1, 1, 8).astype(np.float32)}
