"""Fresh inputs of row-softmax: easy and hard rows mixed within one matrix, at random places.

Of sixteen rows about ten are ordinary logits, two lie near +1000 and two near -1000 (exp over- and underflows
unless the maximum is taken off), one is so wide that few elements count, and one is constant.
"""

import numpy as np

#       width of a row, offset of a row
KINDS = [(8, 0)] * 10 + [(8, 1000)] * 2 + [(8, -1000)] * 2 + [(200, 0)] + [(0, 3)]


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    rows, cols = dims["rows"], dims["cols"]
    # A shuffled place in the list of kinds for every row; a single row is an ordinary one.
    kinds = np.array(KINDS, np.float32)[rng.permutation(rows) * len(KINDS) // max(rows, 1)]
    x = rng.random((rows, cols), dtype=np.float32)
    x -= 0.5
    x *= kinds[:, :1]
    x += kinds[:, 1:]
    return {"x": x}
