"""Fresh inputs: columns around different means, from 0.1 to 100, so that no column stands for another."""

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    x = rng.random((dims["rows"], dims["cols"]), dtype=np.float32)
    x += 0.5
    x *= 10.0 ** rng.uniform(-1, 2, dims["cols"]).astype(np.float32)
    return {"x": x}
