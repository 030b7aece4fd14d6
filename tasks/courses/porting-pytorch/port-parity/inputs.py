"""Fresh inputs: rows of small spread, where the epsilon of the norm shows."""

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    rows, width, hidden = (dims[name] for name in ("rows", "width", "hidden"))
    x = rng.standard_normal((rows, width), dtype=np.float32)
    x *= 10.0 ** rng.uniform(-2.5, 0.5, (rows, 1)).astype(np.float32)
    return {
        "x": x,
        "scale": rng.uniform(0.5, 2, width).astype(np.float32),
        "shift": rng.uniform(-1, 1, width).astype(np.float32),
        "up": (rng.standard_normal((hidden, width)) * width**-0.5).astype(np.float32),
        "down": (rng.standard_normal((width, hidden)) * hidden**-0.5).astype(np.float32),
    }
