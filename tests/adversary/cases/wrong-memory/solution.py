import numpy as np


def mirror_add(x, y):
    rows = [np.ones(1 << 17) for _ in range(1000)]
    y[:] = x + x[::-1] * rows[0][0] / 2
