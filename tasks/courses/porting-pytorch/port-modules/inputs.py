"""Fresh inputs: weights as a trained layer has them, biases that matter."""

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    rows, inside, hidden, outside = (dims[name] for name in ("rows", "inside", "hidden", "outside"))

    def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
        return (rng.standard_normal(shape, dtype=np.float32) * np.float32(scale)).astype(np.float32)

    return {
        "x": normal(rows, inside),
        "weight1": normal(hidden, inside, scale=inside**-0.5),
        "bias1": normal(hidden, scale=0.5),
        "weight2": normal(outside, hidden, scale=hidden**-0.5),
        "bias2": normal(outside),
    }
