import numpy as np


def mirror_add(x, y):
    y = y.reshape(1, -1)[:, :0]
    y[:] = x[:0]
