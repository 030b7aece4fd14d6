"""What counts as an array, where it is, and how its memory lies.

NumPy's and CuPy's arrays are taken as they are; anything else with `__dlpack__` is viewed through DLPack
without a copy, as NumPy's or CuPy's, whichever device it is on.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import numpy as np

from kernels.errors import BadArgument, BadDtype

# DLDeviceType of dlpack.h: the processor's memory, also where a card's driver has pinned it; a card's own.
_CPU, _CUDA = (1, 3), 2
# Offsets in PyArrayObject_fields, a part of NumPy's binary interface, where objects begin with a reference
# count and a type: `toolchain/enter.c` reads arrays there.
_DATA, _FLAGS = 16, 64
_WRITEABLE = 0x400


def _fields_are_there() -> bool:
    """Whether arrays lie in memory as expected (those of a debug or a free-threaded interpreter do not)."""
    debug = hasattr(sys, "gettotalrefcount")
    if sys.implementation.name != "cpython" or debug or object().__sizeof__() != 16:
        return False
    probe = np.zeros(3, np.float32)[1:]
    data = ctypes.c_void_p.from_address(id(probe) + _DATA)
    flags = ctypes.c_int.from_address(id(probe) + _FLAGS)
    before = flags.value
    probe.flags.writeable = False
    return data.value == probe.ctypes.data and before - flags.value == _WRITEABLE


FIELDS_ARE_THERE = _fields_are_there()


def address(array: Any) -> int:
    """Of the first element of a NumPy array."""
    return int(array.ctypes.data)


def is_cupy(array: Any) -> bool:
    """Without importing CuPy: who has such an array has imported it."""
    return type(array).__module__.partition(".")[0] == "cupy"


def device_of(array: Any) -> str:
    """`cpu` or `cuda`"""
    return "cuda" if is_cupy(array) else "cpu"


def as_array(op: str, name: str, value: Any) -> Any:
    """NumPy's or CuPy's view of an argument.

    Raises:
        BadDtype: it is no array.
        BadArgument: it does not let itself be viewed, or has a mask.
    """
    if type(value) is np.ndarray or is_cupy(value):
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise BadArgument(f"{op}: {name} has a mask, which would be ignored; pass what .filled() returns")
    if isinstance(value, np.ndarray):
        return value.view(np.ndarray)  # a subclass may have rules of its own, as np.matrix has
    if not hasattr(value, "__dlpack__"):
        raise BadDtype(
            f"{op}: {name} is {type(value).__name__} {value!r:.60}; an array of NumPy or CuPy, "
            "or an object with __dlpack__, is needed"
        )
    kind = int(value.__dlpack_device__()[0])
    if kind != _CUDA and kind not in _CPU:
        raise BadDtype(f"{op}: {name} is on DLPack device type {kind}; 1 (CPU) and 2 (CUDA) are served")
    try:
        return _through_dlpack(value, kind)
    except (BufferError, RuntimeError, TypeError, ValueError) as refused:
        raise BadArgument(f"{op}: {name} cannot be viewed through DLPack: {refused}") from refused


def _through_dlpack(value: Any, kind: int) -> Any:
    if kind == _CUDA:
        import cupy

        return cupy.from_dlpack(value)
    from kernels import dlpack  # not before it is needed

    return dlpack.view(value)


def writable(array: Any) -> bool:
    """CuPy's arrays always are."""
    return is_cupy(array) or bool(array.flags.writeable)


def aligned(array: Any) -> bool:
    """Whether elements begin at multiples of their size. CuPy's always do."""
    return is_cupy(array) or bool(array.flags.aligned)


def pointer(array: Any) -> int:
    """The address of the first element, on whichever device."""
    return int(array.data.ptr) if is_cupy(array) else address(array)


def span(array: Any) -> tuple[int, int]:
    """First byte and the one behind the last, of an array of any strides."""
    low = high = pointer(array)
    if array.size == 0:
        return low, low
    for size, stride in zip(array.shape, array.strides, strict=True):
        if stride < 0:
            low += (size - 1) * stride
        else:
            high += (size - 1) * stride
    return low, high + array.itemsize


def overlap(a: Any, b: Any) -> bool:
    """Whether the bytes between first and last element of one reach into those of the other."""
    (low, high), (first, behind) = span(a), span(b)
    return first < high and low < behind
