import numpy as np


def mirror_add(x, y):
    y = x + x[::-1] * np.float32(0.5)
