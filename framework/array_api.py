"""The Python array API standard, 2024.12, of the framework's tensors: `tensor.__array_namespace__()` gives
this module.

Functions are those of `framework.ops`, with the standard's names and signatures, `linalg` and `fft` included;
here are what the standard has besides: dtypes, their inspection, and `device` and `copy` as arguments. What
deviates stands in framework/README.md.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.util import find_spec
from math import e, inf, nan, pi
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from framework import ops
from framework.core import backend, dtypes
from framework.core.dtypes import DType
from framework.core.tensor import Tensor, as_tensor
from framework.errors import ArgumentError, DTypeError
from framework.ops import fft, linalg

__array_api_version__ = "2024.12"
newaxis = None

bool = dtypes.bool_
int8, int16, int32, int64 = dtypes.SIGNED
uint8, uint16, uint32, uint64 = dtypes.UNSIGNED
float32, float64 = dtypes.float32, dtypes.float64
complex64, complex128 = dtypes.COMPLEX

_finfo: Any = ml_dtypes.finfo  # knows bfloat16 as well; untyped

_ELEMENTWISE = """
abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_invert bitwise_or
bitwise_right_shift bitwise_xor ceil clip conj copysign cos cosh divide equal exp expm1 floor floor_divide
greater greater_equal hypot imag isfinite isinf isnan less less_equal log log1p log2 log10 logaddexp
logical_and logical_not logical_or logical_xor maximum minimum multiply negative nextafter not_equal
positive pow real reciprocal remainder round sign signbit sin sinh square sqrt subtract tan tanh trunc
"""
_OTHERS = """
take take_along_axis matmul matrix_transpose tensordot vecdot broadcast_arrays broadcast_to concat
expand_dims flip moveaxis permute_dims repeat roll squeeze stack tile unstack argmax argmin count_nonzero
nonzero searchsorted where unique_all unique_counts unique_inverse unique_values argsort sort
cumulative_prod cumulative_sum max mean min prod std sum var all any diff tril triu meshgrid
"""
_WITH_DEVICE = """
arange asarray empty empty_like eye from_dlpack full full_like linspace ones ones_like zeros zeros_like
"""
FUNCTIONS = (_ELEMENTWISE + _OTHERS + _WITH_DEVICE).split()


def _device_is_current(name: str, device: Any) -> None:
    if device not in (None, backend.get_device()):
        raise ArgumentError(
            f"{name}: device {device!r}; tensors are made on {backend.get_device()!r}: call set_device first"
        )


def _with_device(fn: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(fn)
    def made(*args: Any, device: Any = None, **kwargs: Any) -> Tensor:
        _device_is_current(fn.__name__, device)
        return fn(*args, **kwargs)

    return made


for _name in (_ELEMENTWISE + _OTHERS).split():
    globals()[_name] = getattr(ops, _name)
for _name in _WITH_DEVICE.split():
    globals()[_name] = _with_device(getattr(ops, _name))


def reshape(x: Any, /, shape: tuple[int, ...], *, copy: Any = None) -> Tensor:
    """As `ops.reshape`; tensors share memory unless `copy` is True."""
    t = ops.reshape(x, shape)
    return ops.copy(t) if copy else t


def astype(x: Any, dtype: Any, /, *, copy: Any = True, device: Any = None) -> Tensor:
    """x in another dtype, from a complex to a real one only by `real`. TypeError otherwise."""
    _device_is_current("astype", device)
    t = as_tensor(x)
    if dtypes.is_complex(t.dtype) and not dtypes.is_complex(dtypes.as_dtype(dtype)):
        raise DTypeError(
            f"astype: {t.dtype.name} to {dtype!r} would drop the imaginary part: use real(x) first"
        )
    out = ops.cast(t, dtype)
    return ops.copy(out) if copy and out is t else out


class finfo_object(NamedTuple):  # noqa: N801 (the standard's name)
    """What `finfo` gives."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType


class iinfo_object(NamedTuple):  # noqa: N801 (the standard's name)
    """What `iinfo` gives."""

    bits: int
    max: int
    min: int
    dtype: DType


def _dtype_of(type: Any) -> DType:
    return dtypes.as_dtype(type.dtype if hasattr(type, "dtype") and not isinstance(type, np.dtype) else type)


def finfo(type: Any, /) -> finfo_object:
    """The limits of a floating-point dtype (of a complex one's parts), bfloat16 included."""
    dtype = dtypes.real_of(_dtype_of(type))
    if not dtypes.is_float(dtype):
        raise DTypeError(f"finfo: {dtype.name} is no floating-point dtype; use iinfo")
    i: Any = _finfo(dtype)
    return finfo_object(i.bits, float(i.eps), float(i.max), float(i.min), float(i.smallest_normal), dtype)


def iinfo(type: Any, /) -> iinfo_object:
    """The limits of an integer dtype."""
    dtype = _dtype_of(type)
    if not dtypes.is_integer(dtype):
        raise DTypeError(f"iinfo: {dtype.name} is no integer dtype; use finfo")
    i: Any = np.iinfo(dtype)
    return iinfo_object(i.bits, int(i.max), int(i.min), dtype)


_KINDS: dict[str, tuple[DType, ...]] = {
    "bool": (dtypes.bool_,),
    "signed integer": dtypes.SIGNED,
    "unsigned integer": dtypes.UNSIGNED,
    "integral": dtypes.SIGNED + dtypes.UNSIGNED,
    "real floating": dtypes.FLOATS,
    "complex floating": dtypes.COMPLEX,
    "numeric": dtypes.SIGNED + dtypes.UNSIGNED + dtypes.FLOATS + dtypes.COMPLEX,
}


def isdtype(dtype: DType, kind: Any) -> Any:
    """Is it that dtype, of that kind ("integral", "real floating", …), or one of a tuple of these?"""
    if isinstance(kind, tuple):
        return next((True for k in kind if isdtype(dtype, k)), False)
    if isinstance(kind, str) and kind not in _KINDS:
        raise ArgumentError(f"isdtype: kind {kind!r} is unknown; give a dtype or one of {', '.join(_KINDS)}")
    return dtype in _KINDS[kind] if isinstance(kind, str) else dtype == kind


def result_type(*arrays_and_dtypes: Any) -> DType:
    """The dtype that an operator of all these computes in."""
    numbers = [x for x in arrays_and_dtypes if isinstance(x, float | complex | int)]
    typed = [_dtype_of(x) for x in arrays_and_dtypes if not isinstance(x, float | complex | int)]
    if not arrays_and_dtypes:
        raise ArgumentError("result_type: give at least one array, dtype or number")
    found = functools.reduce(dtypes.promote, typed) if typed else as_tensor(numbers[0]).dtype
    for number in numbers:
        kind: Any = type(number)
        found = dtypes.with_scalar(found, kind)
    return found


def can_cast(from_: Any, to: DType, /) -> Any:
    """Does promotion turn the first dtype into the second when both meet?"""
    try:
        return dtypes.promote(_dtype_of(from_), to) == to
    except DTypeError:
        return False


class Info:
    """What `__array_namespace_info__` gives: what this namespace can do."""

    def capabilities(self) -> dict[str, Any]:
        """Outside traces shapes may depend on values; tensors have at most 64 dimensions."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """The device that `framework.set_device` chose."""
        return backend.get_device()

    def devices(self) -> list[str]:
        """Those that there are: `"gpu"` where CuPy is installed."""
        return ["cpu", "gpu"] if find_spec("cupy") else ["cpu"]

    def default_dtypes(self, *, device: Any = None) -> dict[str, DType]:
        """What Python numbers become."""
        return {
            "real floating": dtypes.default_float,
            "complex floating": dtypes.default_complex,
            "integral": dtypes.default_int,
            "indexing": dtypes.int64,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, DType]:
        """The standard's dtypes by name, of a kind or several."""
        names = [d for d in dtypes.ALL if d not in (dtypes.float16, dtypes.bfloat16)]
        return {d.name: d for d in names if kind is None or isdtype(d, kind)}


def __array_namespace_info__() -> Info:  # noqa: N807 (the standard's name)
    """What this namespace can do."""
    return Info()


__all__ = [
    *FUNCTIONS,
    "__array_api_version__", "__array_namespace_info__", "astype", "bool", "can_cast", "complex128",
    "complex64", "e", "fft", "finfo", "float32", "float64", "iinfo", "inf", "int16", "int32", "int64",
    "int8", "isdtype", "linalg", "nan", "newaxis", "pi", "reshape", "result_type", "uint16", "uint32",
    "uint64", "uint8",
]  # fmt: skip
