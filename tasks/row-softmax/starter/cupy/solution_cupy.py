"""row-softmax with CuPy: correct, but in six passes over memory. Make it faster.

x: float32 (rows, cols) on the card, read-only. y: the same shape, to be filled in place. Both may be empty.
"""

import cupy


def row_softmax(x, y):
    if x.size == 0:
        return
    e = cupy.exp(x - x.max(axis=1, keepdims=True))
    y[...] = e / e.sum(axis=1, keepdims=True)
