"""Baseline of row-softmax on a card: the operator of the library `kernels`."""

import kernels


def row_softmax(x, y):
    kernels.softmax(x, out=y)
