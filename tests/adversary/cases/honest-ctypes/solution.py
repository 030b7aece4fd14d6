import ctypes

import numpy as np

libc = ctypes.CDLL(None)
libc.memcpy.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]


def mirror_add(x, y):
    mirror = np.ascontiguousarray(x[::-1])
    libc.memcpy(y.ctypes.data, mirror.ctypes.data, y.nbytes)
    y *= np.float32(0.5)
    y += x
