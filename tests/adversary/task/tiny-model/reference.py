"""The labels of tiny-model: what the model to be shrunk answers, in float64."""

import numpy as np

WEIGHTS = ((7 * np.arange(8)[:, None] + 3 * np.arange(4)) % 11 - 5) / 7
BIAS = (np.arange(4) - 1.5) / 4


def reference(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"score": np.tanh(inputs["x"].astype(np.float64) @ WEIGHTS + BIAS)}
