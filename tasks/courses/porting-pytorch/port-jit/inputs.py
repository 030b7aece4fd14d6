"""Fresh inputs: residuals small and large; a scale below one in the smallest case, above it in the others.

Whatever the seed, then, both ways through the `if` are checked.
"""

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    x = rng.standard_normal((dims["rows"], dims["cols"]), dtype=np.float32)
    lowest = -1 if dims["rows"] < 10 else 0
    return {"x": x, "scale": np.exp(rng.uniform(lowest, lowest + 1, 1)).astype(np.float32)}
