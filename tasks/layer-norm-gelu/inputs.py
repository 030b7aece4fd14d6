"""Fresh inputs of layer-norm-gelu: easy and hard rows mixed within one matrix, at random places.

Of sixteen rows about ten are ordinary, four have a mean fifty times their deviation (which ruins a variance
computed as E[x^2] - E[x]^2), one is tiny (epsilon matters) and one is constant (its variance is zero).
"""

import numpy as np

#        deviation of a row, mean of a row
KINDS = [(1, 0)] * 5 + [(3, 1)] * 5 + [(1, 50)] * 2 + [(2, -100)] * 2 + [(0.004, 0)] + [(0, 7)]


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    rows, cols = dims["rows"], dims["cols"]
    # A shuffled place in the list of kinds for every row; a single row is an ordinary one.
    kinds = np.array(KINDS, np.float32)[rng.permutation(rows) * len(KINDS) // max(rows, 1)]
    x = rng.random((rows, cols), dtype=np.float32)
    x -= 0.5
    x *= kinds[:, :1] * np.float32(np.sqrt(12))  # uniform numbers of width 1 deviate by 1 / sqrt(12)
    x += kinds[:, 1:]
    gamma = rng.uniform(0.5, 2.0, cols).astype(np.float32)
    beta = rng.uniform(-1.0, 1.0, cols).astype(np.float32)
    return {"x": x, "gamma": gamma, "beta": beta}
