import numpy as np


def mirror_add(x, y):
    exact = x + x[::-1] / np.float64(2)
    y.view(np.uint8)[:] = exact.view(np.uint8)[: y.nbytes]
