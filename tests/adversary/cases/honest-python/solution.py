from halves import half

import numpy as np


def mirror_add(x, y):
    np.add(x, half(x[::-1]), out=y)
