"""A NumPy view of an object with `__dlpack__`.

NumPy's own `from_dlpack` does it for the dtypes NumPy has. bfloat16 is none of them, so for that one the
tensor is read from the capsule here, as dlpack.h (version 1) lays it out. The capsule stays unconsumed and
is kept alive by the view: whoever made it frees the tensor when the view is gone.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np

from kernels.dtypes import BY_NAME

_BFLOAT = 4  # DLDataTypeCode
_READ_ONLY = 1  # a flag of DLManagedTensorVersioned
_CAPSULES = {b"dltensor": 0, b"dltensor_versioned": 32}  # where the tensor lies in each


class _Tensor(ctypes.Structure):
    """DLTensor"""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),  # in elements; NULL where contiguous
        ("byte_offset", ctypes.c_uint64),
    )


def view(value: Any) -> Any:
    """The array, without a copy.

    Raises:
        BufferError: its owner does not export it, or its dtype has no name in NumPy or here.
    """
    try:
        return np.from_dlpack(value)
    except (BufferError, RuntimeError):  # RuntimeError: what NumPy says of a dtype it does not know
        capsule = _capsule(value)
        tensor, writable = _read(capsule)
        if (tensor.code, tensor.bits, tensor.lanes) != (_BFLOAT, 16, 1):
            raise
        return _bfloat16(capsule, tensor, writable=writable)


def _capsule(value: Any) -> Any:
    try:
        return value.__dlpack__(max_version=(1, 0))
    except TypeError:  # older than that argument
        return value.__dlpack__()


def _read(capsule: Any) -> tuple[_Tensor, bool]:
    """The tensor in a capsule, and whether it may be written to; before version 1 none said so of itself."""
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    name = api.PyCapsule_GetName(capsule)
    if name not in _CAPSULES:
        raise BufferError(f"a capsule named {name!r} is no DLPack tensor")
    start = api.PyCapsule_GetPointer(capsule, name)
    # version (2 x 4 bytes), the maker's context, the deleter, flags: then the tensor
    flags = ctypes.c_uint64.from_address(start + 24).value if _CAPSULES[name] else _READ_ONLY
    return _Tensor.from_address(start + _CAPSULES[name]), not flags & _READ_ONLY


def _bfloat16(capsule: Any, tensor: _Tensor, *, writable: bool) -> Any:
    shape, dtype = tuple(tensor.shape[: tensor.ndim]), BY_NAME["bf16"]
    if 0 in shape:
        return np.empty(shape, dtype)
    steps = tensor.strides[: tensor.ndim] if tensor.strides else _contiguous(shape)
    reach = [(size - 1) * step * dtype.itemsize for size, step in zip(shape, steps, strict=True)]
    below, above = -sum(min(each, 0) for each in reach), sum(max(each, 0) for each in reach)
    start = tensor.data + tensor.byte_offset - below
    memory = (ctypes.c_char * (below + above + dtype.itemsize)).from_address(start)
    memory.capsule = capsule
    strides = [step * dtype.itemsize for step in steps]
    found: Any = np.ndarray(shape, dtype, buffer=memory, offset=below, strides=strides)
    found.flags.writeable = writable
    return found


def _contiguous(shape: tuple[int, ...]) -> list[int]:
    """Strides of an array in C order, in elements."""
    return [math.prod(shape[i + 1 :]) for i in range(len(shape))]
