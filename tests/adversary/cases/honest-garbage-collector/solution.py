import gc
import sys
import threading

import numpy as np

gc.disable()
sys.setswitchinterval(0.1)
sys.setrecursionlimit(5000)
threading.stack_size(1 << 20)


class Weights:
    __slots__ = ("half",)

    def __init__(self):
        self.half = np.float32(0.5)

    def __del__(self):
        pass


weights = Weights()


def mirror_add(x, y):
    np.add(x, x[::-1] * weights.half, out=y)
    gc.collect()
