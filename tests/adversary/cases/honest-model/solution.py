import pathlib

import numpy as np

table = np.loadtxt(pathlib.Path(__file__).with_name("weights.txt"), dtype=np.float64)


def tiny_model(x, score):
    score[:] = np.tanh(x @ table[:8] + table[8])
