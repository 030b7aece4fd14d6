"""The oracle, in float64: what torch computes."""

import numpy as np


def reference(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    given = {name: array.astype(np.float64) for name, array in inputs.items()}
    hidden = np.einsum("ri,hi->rh", given["x"], given["weight1"]) + given["bias1"]
    np.maximum(hidden, 0.0, out=hidden)
    return {"y": np.einsum("rh,oh->ro", hidden, given["weight2"]) + given["bias2"]}
