"""What counts as an array, where its data is, and whether it can be handed over as it is.

NumPy's and CuPy's arrays are taken as they are; anything else with `__dlpack__` is viewed through DLPack
without a copy, as NumPy's or CuPy's, whichever device it is on.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import numpy as np

from kernels.errors import BadDtype

_CPU, _CUDA = 1, 2  # DLDeviceType of dlpack.h
_DATA_FIELD = 16  # of PyArrayObject_fields: after the reference count and the type
_read_pointer = ctypes.c_void_p.from_address


def _slow_address(array: Any) -> int:
    return int(array.ctypes.data)


def _fast_address(array: Any) -> int:
    """`array.ctypes.data` takes 0.7 µs; reading the field behind it takes a third of that."""
    return _read_pointer(id(array) + _DATA_FIELD).value  # type: ignore[return-value]


def _field_is_there() -> bool:
    """Whether this interpreter lays arrays out as expected (a debug or free-threaded build does not)."""
    probe = np.zeros(3, np.float32)[1:]
    plain = (
        sys.implementation.name == "cpython"
        and not hasattr(sys, "gettotalrefcount")
        and object().__sizeof__() == 16
    )
    return plain and _fast_address(probe) == _slow_address(probe)


address = _fast_address if _field_is_there() else _slow_address


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
    """
    if isinstance(value, np.ndarray) or is_cupy(value):
        return value
    if not hasattr(value, "__dlpack__"):
        raise BadDtype(
            f"{op}: {name} is {type(value).__name__} {value!r:.60}; an array of NumPy or CuPy, or an object with __dlpack__, is needed"
        )
    kind, _ = value.__dlpack_device__()
    if kind == _CPU:
        return np.from_dlpack(value)
    if kind == _CUDA:
        import cupy

        return cupy.from_dlpack(value)
    raise BadDtype(f"{op}: {name} is on DLPack device type {kind}; 1 (CPU) and 2 (CUDA) are served")


def writable(array: Any) -> bool:
    """CuPy's arrays always are."""
    return is_cupy(array) or bool(array.flags.writeable)


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
