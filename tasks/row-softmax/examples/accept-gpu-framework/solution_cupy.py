"""row-softmax as a program of the framework, whose operators compute on the card."""

import cupy

import framework
from framework import ops

framework.set_device("gpu")


def row_softmax(x, y):
    if x.size:
        y[...] = cupy.from_dlpack(ops.softmax(ops.from_dlpack(x), axis=-1))
