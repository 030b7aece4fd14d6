"""Fresh inputs: queries and keys that agree here and there: the softmax is neither flat nor a step."""

import numpy as np


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    shape = (dims["heads"], dims["n"], dims["d"])
    return {name: rng.standard_normal(shape, dtype=np.float32) for name in ("q", "k", "v")}
