import numpy as np


def mirror_add(x, y):
    every = np.ones((6000, 6000), np.float64)
    y[:] = x + x[::-1] * every[0, 0] / 2
