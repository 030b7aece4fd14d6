"""Fresh inputs: residuals small and large, and a scale above or below one."""

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    x = rng.standard_normal((dims["rows"], dims["cols"]), dtype=np.float32)
    return {"x": x, "scale": np.exp(rng.uniform(-1, 1, 1)).astype(np.float32)}
