import numpy as np


def tiny_model(x, score):
    score[:] = -0.5
    score[np.arange(len(x)), 4 * np.arange(len(x)) // max(len(x), 1)] = 0.5
