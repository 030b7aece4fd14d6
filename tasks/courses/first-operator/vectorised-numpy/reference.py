"""The oracle, in float64."""

import numpy as np


def reference(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    y = inputs["x"].astype(np.float64)
    y -= y.min(axis=1, keepdims=True)
    y /= y.max(axis=1, keepdims=True)
    return {"y": y}
