"""The oracle, in float64."""

import numpy as np


def reference(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    x, c = inputs["x"].astype(np.float64), inputs["c"].astype(np.float64)
    y = np.full_like(x, c[7])
    for k in range(6, -1, -1):
        y *= x
        y += c[k]
    return {"y": y}
