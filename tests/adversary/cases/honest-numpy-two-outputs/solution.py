import numpy as np


def row_stats(x, mean, variance):
    np.mean(x, axis=1, out=mean)
    np.var(x, axis=1, mean=mean[:, None], out=variance)
