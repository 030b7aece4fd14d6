import numpy as np

scratch = {}


def mirror_add(x, y):
    room = scratch.setdefault(x.size, np.empty(x.size, np.float64))
    np.einsum("i,->i", x[::-1], np.float64(0.5), out=room)
    np.add.at(room, np.arange(x.size), x)
    memoryview(y)[:] = memoryview(room.astype(np.float32))
