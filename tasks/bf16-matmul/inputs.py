"""Fresh inputs of bf16-matmul: rows of `a` of several kinds, at random places.

Of sixteen rows eleven are ordinary, two lie around 1, one is constant, one wide and off centre, one small:
large parts of their sums cancel, and what is only right on average gives itself away.
"""

import numpy as np
from ml_dtypes import bfloat16

#        deviation of a row, mean of a row
KINDS = [(1, 0)] * 11 + [(0.5, 1)] * 2 + [(0, 1)] + [(2, -0.5)] + [(0.02, 0)]


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    m, n, k = dims["m"], dims["n"], dims["k"]
    # A shuffled place in the list of kinds for every row; a single row is an ordinary one.
    kinds = np.array(KINDS, np.float32)[rng.permutation(m) * len(KINDS) // max(m, 1)]
    a = uniform((m, k), rng)
    a *= kinds[:, :1]
    a += kinds[:, 1:]
    return {"a": a.astype(bfloat16), "b": uniform((k, n), rng).astype(bfloat16)}


def uniform(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Of deviation 1: every format spends its digits alike on such numbers."""
    x = rng.random(shape, dtype=np.float32)
    x -= 0.5
    x *= np.float32(np.sqrt(12))
    return x
