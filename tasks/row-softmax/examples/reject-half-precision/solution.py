"""Known wrong: the right formula, computed in float16 inside."""

import numpy as np


def row_softmax(x, y):
    if not x.size:
        return
    e = np.exp((x - x.max(axis=1, keepdims=True)).astype(np.float16))
    y[:] = e / e.sum(axis=1, keepdims=True, dtype=np.float32)
