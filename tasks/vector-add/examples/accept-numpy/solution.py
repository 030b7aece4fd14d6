"""vector-add: one NumPy call that writes straight into the judge's buffer."""

import numpy as np


def vector_add(a, b, c):
    np.add(a, b, out=c)
