"""The oracle, in float64: the mean loss's derivatives."""

import numpy as np


def reference(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    x, target, weight, bias = (inputs[name].astype(np.float64) for name in ("x", "target", "weight", "bias"))
    logits = np.einsum("rc,kc->rk", x, weight) + bias
    slope = np.exp(logits - logits.max(axis=1, keepdims=True))
    slope /= slope.sum(axis=1, keepdims=True)
    slope[np.arange(len(x)), target.astype(np.int64)] -= 1.0
    slope /= len(x)
    return {"gw": np.einsum("rk,rc->kc", slope, x), "gb": slope.sum(axis=0)}
