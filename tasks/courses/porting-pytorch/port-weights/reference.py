"""The oracle, in float64: what torch computes after model.eval()."""

import numpy as np


def reference(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    given = {name: array.astype(np.float64) for name, array in inputs.items()}
    hidden = np.einsum("ri,hi->rh", given["x"], given["weight0"]) + given["bias0"]
    hidden = (hidden - given["mean1"]) / np.sqrt(given["var1"] + 1e-5) * given["weight1"] + given["bias1"]
    np.maximum(hidden, 0.0, out=hidden)
    return {"y": np.einsum("rh,oh->ro", hidden, given["weight3"]) + given["bias3"]}
