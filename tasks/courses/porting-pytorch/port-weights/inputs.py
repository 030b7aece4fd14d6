"""Fresh inputs: a checkpoint whose running statistics are far from those of any batch."""

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    rows, inside, hidden, outside = (dims[name] for name in ("rows", "inside", "hidden", "outside"))

    def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
        return (rng.standard_normal(shape, dtype=np.float32) * np.float32(scale)).astype(np.float32)

    return {
        "x": normal(rows, inside),
        "weight0": normal(hidden, inside, scale=inside**-0.5),
        "bias0": normal(hidden, scale=0.5),
        "weight1": rng.uniform(0.5, 2, hidden).astype(np.float32),
        "bias1": normal(hidden),
        "mean1": normal(hidden),
        "var1": rng.uniform(0.3, 4, hidden).astype(np.float32),
        "weight3": normal(outside, hidden, scale=hidden**-0.5),
        "bias3": normal(outside),
    }
