"""From what users pass to what primitives take: tensors of one dtype."""

from __future__ import annotations

from typing import Any

from framework.core import dtypes
from framework.core.prim import Prim
from framework.core.tensor import Parameter, Tensor, apply, as_tensor, scalar
from framework.errors import DTypeError, ShapeError
from framework.prims import elementwise as p

Operand = Any  # Tensor, Parameter, array, Python number
_PYTHON = (bool, int, float, complex)


def cast(x: Operand, dtype: Any) -> Tensor:
    """x in another dtype; x itself where it has it. From complex to real the real part is taken."""
    if x.__class__ is not Tensor:
        x = as_tensor(x)
    if x.dtype is dtype:
        return x  # type: ignore[no-any-return]
    wanted = dtypes.as_dtype(dtype)
    result: Tensor = x if x.dtype == wanted else apply(p.CAST, x, dtype=wanted)
    return result


def unary(prim: Prim, x: Operand) -> Tensor:
    """A primitive of one operand, its dtype kept."""
    result: Tensor = apply(prim, x if x.__class__ is Tensor else as_tensor(x))
    return result


def unary_float(prim: Prim, x: Operand) -> Tensor:
    """A primitive of one operand that must be floating point: integers and bools become float32."""
    if x.__class__ is not Tensor:
        x = as_tensor(x)
    if x.dtype.kind in "iub":
        x = cast(x, dtypes.default_float)
    result: Tensor = apply(prim, x)
    return result


def binary(prim: Prim, x: Operand, y: Operand) -> Tensor:
    """A primitive of two operands, promoted to one dtype."""
    if x.__class__ is Tensor and y.__class__ is Tensor:
        a, b = x.value, y.value
        if (x if a is None else a).dtype is not (y if b is None else b).dtype:
            x, y = pair(x, y)
    elif x.__class__ is Tensor and (y.__class__ is float or y.__class__ is int) and x.dtype.kind == "f":
        y = scalar(y, x.dtype)
    elif y.__class__ is Tensor and (x.__class__ is float or x.__class__ is int) and y.dtype.kind == "f":
        x = scalar(x, y.dtype)
    else:
        x, y = pair(x, y)
    result: Tensor = apply(prim, x, y)
    return result


def binary_number(prim: Prim, x: Operand, y: Operand) -> Tensor:
    """A primitive of two operands that must be numbers: of two bools NumPy's result has another dtype."""
    if x.__class__ is Tensor and x.dtype.kind == "f":
        return binary(prim, x, y)
    x, y = pair(x, y)
    if x.dtype.kind == "b":
        raise DTypeError(
            f"{prim.name}: both operands are bools, which are no numbers; cast one of them first"
        )
    result: Tensor = apply(prim, x, y)
    return result


def binary_float(prim: Prim, x: Operand, y: Operand) -> Tensor:
    """A primitive of two operands that must be floating point: integers and bools become float32."""
    x, y = pair(x, y)
    if x.dtype.kind in "iub":
        x, y = cast(x, dtypes.default_float), cast(y, dtypes.default_float)
    result: Tensor = apply(prim, x, y)
    return result


def pair(x: Operand, y: Operand) -> tuple[Tensor, Tensor]:
    """Two operands as tensors of one dtype; a Python number takes the other's."""
    if y.__class__ in _PYTHON and x.__class__ not in _PYTHON:
        x = as_tensor(x)
        kind: Any = type(y)
        dtype = dtypes.with_scalar(x.dtype, kind)
        return (x if x.dtype == dtype else cast(x, dtype)), scalar(y, dtype)
    if x.__class__ in _PYTHON and y.__class__ not in _PYTHON:
        y, x = pair(y, x)
        return x, y
    x, y = as_tensor(x), as_tensor(y)
    if x.dtype is y.dtype:
        return x, y
    dtype = dtypes.promote(x.dtype, y.dtype)
    return cast(x, dtype), cast(y, dtype)


def common(xs: list[Operand]) -> list[Tensor]:
    """Any number of operands as tensors of one dtype."""
    given = [as_tensor(x) for x in xs if x.__class__ not in _PYTHON]
    dtype: Any = None
    for t in given:
        dtype = t.dtype if dtype is None else dtypes.promote(dtype, t.dtype)
    for x in xs:
        if x.__class__ in _PYTHON:
            kind: Any = type(x)
            dtype = as_tensor(x).dtype if dtype is None else dtypes.with_scalar(dtype, kind)
    return [scalar(x, dtype) if x.__class__ in _PYTHON else cast(x, dtype) for x in xs]


def axis_from_right(axis: Any, ndim: int, name: str) -> int:
    """An axis as a negative number; ShapeError where there is no such axis."""
    i: int | None = axis.__index__() if hasattr(axis, "__index__") and not isinstance(axis, bool) else None
    if i is None:
        raise DTypeError(f"{name}: axis {axis!r} must be an int")
    if not -ndim <= i < ndim:
        raise ShapeError(
            f"{name}: axis {i} of a tensor with {ndim} dimensions; give one from {-ndim} to {ndim - 1}"
        )
    return i - ndim if i >= 0 else i


def axes_from_right(axis: Any, ndim: int, name: str) -> tuple[int, ...]:
    """One axis, several, or None for all, as sorted negative numbers without repeats."""
    if axis is None:
        return tuple(range(-ndim, 0))
    given = [axis_from_right(a, ndim, name) for a in (axis if isinstance(axis, tuple | list) else (axis,))]
    if len(set(given)) != len(given):
        raise ShapeError(f"{name}: axis {axis!r} names a dimension twice; name each once")
    return tuple(sorted(given))


def is_operand(x: Any) -> bool:
    """Is it a tensor or a parameter, rather than something to convert?"""
    return isinstance(x, Tensor | Parameter)
