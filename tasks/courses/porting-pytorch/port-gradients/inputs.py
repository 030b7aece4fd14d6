"""Fresh inputs: every class among the targets, weights that are wrong, so that no gradient is small."""

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    rows, cols, classes = (dims[name] for name in ("rows", "cols", "classes"))
    x = rng.standard_normal((rows, cols), dtype=np.float32)
    x += np.float32(0.5)
    return {
        "x": x,
        "target": rng.integers(0, classes, rows).astype(np.float32),
        "weight": (rng.standard_normal((classes, cols)) * cols**-0.5).astype(np.float32),
        "bias": rng.uniform(-1, 1, classes).astype(np.float32),
    }
