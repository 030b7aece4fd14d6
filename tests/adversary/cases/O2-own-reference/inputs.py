import numpy as np


def make(dims, rng):
    return {"x": np.zeros(dims["n"], np.float32)}
