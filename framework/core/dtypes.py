"""Dtypes and promotion. A dtype is NumPy's own `numpy.dtype` (bfloat16 by `ml_dtypes`), on every device.

Promotion, decided here and nowhere else (NumPy's rules would turn int32 + float32 into float64):

- Two tensors of one kind (bool < integer < float < complex): the wider; of signed and unsigned the next
  signed that holds both; uint64 with a signed integer has none and raises; float16 with bfloat16 gives
  float32.
- Two tensors of different kinds: the higher kind's dtype, unchanged (int64 + float16 is float16, as in
  torch); a float with a complex number: the complex dtype that holds the float's precision.
- A Python number takes the tensor's dtype; where its kind is higher, the default of its kind: int64, float32,
  complex64 (complex128 beside float64). int32 + 1.5 is float32.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import ml_dtypes
import numpy as np

from framework.errors import DTypeError

DType = np.dtype[Any]

bool_: DType = np.dtype("bool")
int8: DType = np.dtype("int8")
int16: DType = np.dtype("int16")
int32: DType = np.dtype("int32")
int64: DType = np.dtype("int64")
uint8: DType = np.dtype("uint8")
uint16: DType = np.dtype("uint16")
uint32: DType = np.dtype("uint32")
uint64: DType = np.dtype("uint64")
float16: DType = np.dtype("float16")
bfloat16: DType = np.dtype(ml_dtypes.bfloat16)
float32: DType = np.dtype("float32")
float64: DType = np.dtype("float64")
complex64: DType = np.dtype("complex64")
complex128: DType = np.dtype("complex128")

SIGNED = (int8, int16, int32, int64)
UNSIGNED = (uint8, uint16, uint32, uint64)
FLOATS = (float16, bfloat16, float32, float64)
COMPLEX = (complex64, complex128)
ALL = (bool_, *SIGNED, *UNSIGNED, *FLOATS, *COMPLEX)
BY_NAME: dict[str, DType] = {dtype.name: dtype for dtype in ALL}

default_float = float32
default_int = int64
default_complex = complex64

_KIND = {
    bool_: 0,
    **dict.fromkeys(SIGNED + UNSIGNED, 1),
    **dict.fromkeys(FLOATS, 2),
    **dict.fromkeys(COMPLEX, 3),
}
_KIND_OF_PYTHON = {bool: 0, int: 1, float: 2, complex: 3}


def as_dtype(dtype: Any) -> DType:
    """The dtype named by a string, a Python type (float is float32, int int64) or NumPy's spelling."""
    if isinstance(dtype, np.dtype) and dtype in _KIND:
        return dtype
    if dtype in (float, int, complex, bool):
        return {float: default_float, int: default_int, complex: default_complex, bool: bool_}[dtype]
    if isinstance(dtype, str) and dtype in BY_NAME:
        return BY_NAME[dtype]
    try:
        found = None if dtype is None else np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found not in _KIND:
        device = " (set_device and to_device choose the device)" if dtype in ("cuda", "gpu", "cpu") else ""
        raise DTypeError(f"dtype {dtype!r} is not supported; there are: {', '.join(BY_NAME)}{device}")
    return BY_NAME[found.name]  # native byte order


def is_float(dtype: DType) -> bool:
    """Is it a real floating-point dtype?"""
    return _KIND[dtype] == 2


def is_inexact(dtype: DType) -> bool:
    """Is it a dtype that gradients exist for (real or complex floating point)?"""
    return _KIND[dtype] >= 2


def is_complex(dtype: DType) -> bool:
    """Is it a complex dtype?"""
    return _KIND[dtype] == 3


def is_integer(dtype: DType) -> bool:
    """Is it a signed or unsigned integer dtype (not bool)?"""
    return _KIND[dtype] == 1


@cache
def promote(a: DType, b: DType) -> DType:
    """The dtype that an operator of a tensor of each computes in; DTypeError where there is none."""
    if a == b:
        return a
    low, high = sorted((a, b), key=lambda dtype: _KIND[dtype])
    if _KIND[low] == _KIND[high] == 1 and uint64 in (a, b) and (a in SIGNED or b in SIGNED):
        raise DTypeError(f"{a.name} and {b.name} have no common integer dtype; cast one of them")
    if _KIND[low] == _KIND[high]:
        return float32 if {a, b} == {float16, bfloat16} else as_dtype(np.promote_types(a, b))
    if _KIND[high] == 3 and low == float64:
        return complex128
    return high


@cache
def with_scalar(dtype: DType, kind: Any) -> DType:
    """The dtype that an operator of a tensor and a Python number of this type computes in."""
    wanted = _KIND_OF_PYTHON[kind]
    if wanted <= _KIND[dtype]:
        return dtype
    if wanted == 3:
        return complex128 if dtype == float64 else complex64
    return default_float if wanted == 2 else default_int


@cache
def to_float(dtype: DType) -> DType:
    """Itself where it is inexact, else the default float: what `sqrt` or `mean` of an integer gives."""
    return dtype if is_inexact(dtype) else default_float


def real_of(dtype: DType) -> DType:
    """The dtype of a complex dtype's parts; itself otherwise."""
    return {complex64: float32, complex128: float64}.get(dtype, dtype)
