import numpy as np


def mirror_add(x, y):
    raise ValueError("not today")
