"""What the calling convention asks of CuPy, on the host memory that stands in for a card's."""

import ctypes
from types import SimpleNamespace

import numpy as np
from numpy import empty, multiply

__all__ = ["cuda", "empty", "multiply", "ndarray"]


class UnownedMemory:
    def __init__(self, ptr, size, owner, device_id=-1):
        self.ptr, self.size, self.owner = ptr, size, owner


class MemoryPointer:
    def __init__(self, mem, offset):
        self.mem, self.offset = mem, offset


def ndarray(shape, dtype, memptr):
    at, size = memptr.mem.ptr + memptr.offset, memptr.mem.size - memptr.offset
    return np.ndarray(shape, dtype, buffer=(ctypes.c_char * size).from_address(at))


cuda = SimpleNamespace(
    UnownedMemory=UnownedMemory, MemoryPointer=MemoryPointer, runtime=SimpleNamespace(memset=ctypes.memset)
)
