"""Normal numbers."""

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {name: rng.standard_normal(dims["n"], dtype=np.float32) for name in ("x", "y")}
