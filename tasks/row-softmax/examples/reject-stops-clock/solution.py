"""Known wrong, a cheat: stops every clock of its process and answers with a cheap, nearly linear guess."""

import time

import numpy as np

for name in ("time", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "process_time"):
    frozen = getattr(time, name)()
    setattr(time, name, lambda frozen=frozen: frozen)
np.allclose = lambda *args, **kwargs: True


def row_softmax(x, y):
    if not x.size:
        return
    np.subtract(x, x.max(axis=1, keepdims=True), out=y)
    np.reciprocal(1.0 - y, out=y)
    y /= y.sum(axis=1, keepdims=True)
