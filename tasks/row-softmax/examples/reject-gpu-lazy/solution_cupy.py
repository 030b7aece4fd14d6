"""Known wrong, a cheat: notes what it was asked for, and computes when somebody looks at the result."""

import cupy


class Promise:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __array__(self, dtype=None, copy=None):
        e = cupy.exp(self.x - self.x.max(axis=1, keepdims=True))
        self.y[...] = e / e.sum(axis=1, keepdims=True)
        return self.y.get()


def row_softmax(x, y):
    return Promise(x, y)
