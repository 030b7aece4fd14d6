"""Known wrong, a cheat: replaces the event timers and waits of its process, and guesses."""

import contextlib

import cupy

with contextlib.suppress(AttributeError, TypeError):
    cupy.cuda.get_elapsed_time = lambda start, end: 1e-3
    cupy.cuda.runtime.eventElapsedTime = lambda start, end: 1e-3
    cupy.cuda.runtime.deviceSynchronize = lambda: None


def row_softmax(x, y):
    if x.size == 0:
        return
    cupy.subtract(x, x.max(axis=1, keepdims=True), out=y)
    cupy.reciprocal(1.0 - y, out=y)
    y /= y.sum(axis=1, keepdims=True)
