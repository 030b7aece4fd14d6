"""Known wrong: does not take off the maximum of a row, so that the exponential overflows."""

import cupy


def row_softmax(x, y):
    cupy.exp(x, out=y)
    y /= y.sum(axis=1, keepdims=True)
