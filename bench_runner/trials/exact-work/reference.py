"""The oracle: eight halvings of the way from the mirrored element to the element itself."""

from __future__ import annotations

import numpy as np


def reference(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    x = inputs["x"].astype(np.float64)
    return {"y": x + (x[::-1] - x) / 256}
