"""row-softmax in Python: correct, but with four temporary arrays. Make it faster.

x: float32 (rows, cols), read-only. y: the same shape, to be filled in place. Both may be empty.
"""

import numpy as np


def row_softmax(x, y):
    if x.size == 0:
        return
    e = np.exp(x - x.max(axis=1, keepdims=True))
    y[:] = e / e.sum(axis=1, keepdims=True)
