"""Fresh inputs of flash-attention-forward: queries of several kinds, at random places.

Of sixteen queries ten are ordinary, two look at all keys alike, two are so large that few keys count, and two
lie in between. The keys have a mean of their own, so that logits run into the hundreds: without the maximum
taken off, their exponentials overflow.
"""

import numpy as np
from ml_dtypes import bfloat16

DEVIATIONS = [1] * 10 + [0.05] * 2 + [20] * 2 + [4] * 2  # of a query
MEAN = 2.0  # of all keys


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    heads, length, depth = dims["heads"], dims["length"], dims["depth"]
    q, k, v = (uniform((heads, length, depth), rng) for _ in range(3))
    places = rng.permutation(heads * length) * len(DEVIATIONS) // max(heads * length, 1)
    q *= np.array(DEVIATIONS, np.float32)[places].reshape(heads, length, 1)
    k += np.float32(MEAN)
    return {"q": q.astype(bfloat16), "k": k.astype(bfloat16), "v": v.astype(bfloat16)}


def uniform(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Of deviation 1."""
    x = rng.random(shape, dtype=np.float32)
    x -= 0.5
    x *= np.float32(np.sqrt(12))
    return x
