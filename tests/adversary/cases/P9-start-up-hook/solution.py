import numpy as np


def mirror_add(x, y):
    np.add(x, x[::-1] * np.float32(0.5), out=y)
