import numpy as np

WEIGHTS = ((7 * np.arange(8)[:, None] + 3 * np.arange(4)) % 11 - 5) / 7
BIAS = (np.arange(4) - 1.5) / 4


def tiny_model(x, score):
    score[:] = np.tanh(x @ WEIGHTS + BIAS)
