"""Fresh inputs: both signs, and about a third below the threshold."""

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    x = rng.random(dims["n"], dtype=np.float32)
    x -= 0.5
    x *= 4.0
    return {"x": x, "t": rng.uniform(0.5, 0.8, 1).astype(np.float32)}
