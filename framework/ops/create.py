"""Making tensors. What is made inside a trace is a constant of it."""

from __future__ import annotations

from typing import Any

from framework.core import backend, dtypes
from framework.core.dlpack import imported
from framework.core.tensor import Tensor, as_tensor, wrap
from framework.errors import ArgumentError
from framework.ops.coerce import Operand
from framework.ops.shape import as_shape


def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """All 0; float32 by default. Array API `zeros`."""
    return wrap(backend.xp.zeros(as_shape(shape), dtypes.as_dtype(dtype or dtypes.default_float)))


def ones(shape: Any, dtype: Any = None) -> Tensor:
    """All 1; float32 by default. Array API `ones`."""
    return wrap(backend.xp.ones(as_shape(shape), dtypes.as_dtype(dtype or dtypes.default_float)))


def full(shape: Any, fill_value: Operand, dtype: Any = None) -> Tensor:
    """All `fill_value`; its dtype by default (float32 of a Python float). Array API `full`."""
    from framework.ops.shape import broadcast_to

    return broadcast_to(as_tensor(fill_value, None if dtype is None else dtypes.as_dtype(dtype)), shape)


def zeros_like(x: Operand, dtype: Any = None) -> Tensor:
    """Zeros of x's shape and dtype. Array API `zeros_like`."""
    return zeros(x.shape, dtype or x.dtype)


def ones_like(x: Operand, dtype: Any = None) -> Tensor:
    """Ones of x's shape and dtype. Array API `ones_like`."""
    return ones(x.shape, dtype or x.dtype)


def arange(start: float, stop: float | None = None, step: float = 1, dtype: Any = None) -> Tensor:
    """From start (0 if only one bound is given) up to but without stop: int64, or float32 of floats. Array
    API `arange`.
    """
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise ArgumentError(f"arange: step {step!r} never gets from {start} to {stop}; give another than 0")
    floats = any(isinstance(n, float) for n in (start, stop, step))
    wanted = dtypes.as_dtype(dtype or (dtypes.default_float if floats else dtypes.default_int))
    return wrap(backend.xp.arange(start, stop, step, dtype=wanted))


def eye(n_rows: int, n_cols: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """1 on diagonal k, 0 elsewhere; float32 by default. Array API `eye`."""
    as_shape((n_rows, n_rows if n_cols is None else n_cols))
    return wrap(backend.xp.eye(n_rows, n_cols, k, dtype=dtypes.as_dtype(dtype or dtypes.default_float)))


def asarray(obj: Any, dtype: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor of numbers, nested lists, arrays or anything with `__dlpack__`; shares memory where it can.

    Its shape is that of the nesting. `copy` True copies always, False raises ArgumentError where it must be
    copied. Array API `asarray`.
    """
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    if hasattr(obj, "__dlpack__") and not isinstance(obj, Tensor | backend.xp.ndarray):
        obj = from_dlpack(obj)
    t = as_tensor(obj, wanted)
    given = getattr(obj, "value", obj)
    if (
        copy is False
        and t.value is not given
        and not (t.value is not None and backend.shares(t.value, given))
    ):
        raise ArgumentError(
            f"asarray: copy=False, but {type(obj).__name__} cannot become {t.dtype.name} without one"
        )
    return _copy(t) if copy else t


def _copy(t: Tensor) -> Tensor:
    from framework.ops.elementwise import copy

    return copy(t)


def from_dlpack(x: Any, copy: bool | None = None) -> Tensor:
    """A tensor that shares the memory of any array with `__dlpack__` (torch, CuPy, JAX, …), or copies it.

    Shape and dtype are the array's. Raises DTypeError for what has no `__dlpack__`. Array API `from_dlpack`.
    """
    t = wrap(imported(x))
    return _copy(t) if copy else t


def empty(shape: Any, dtype: Any = None) -> Tensor:
    """Of that shape, whatever the values (zeros). Array API `empty`."""
    return zeros(shape, dtype)


def empty_like(x: Operand, dtype: Any = None) -> Tensor:
    """Of x's shape and dtype, whatever the values (zeros). Array API `empty_like`."""
    return zeros_like(x, dtype)


def full_like(x: Operand, fill_value: Operand, dtype: Any = None) -> Tensor:
    """All `fill_value`, of x's shape and dtype. Array API `full_like`."""
    return full(x.shape, fill_value, dtype or x.dtype)


def linspace(start: Any, stop: Any, num: int, dtype: Any = None, endpoint: bool = True) -> Tensor:
    """num evenly spaced numbers from start to stop, which is left out without `endpoint`. Array API
    `linspace`.
    """
    wanted = (
        dtypes.default_complex
        if isinstance(start, complex) or isinstance(stop, complex)
        else dtypes.default_float
    )
    array = backend.xp.linspace(start, stop, *as_shape(num), endpoint=endpoint)
    return wrap(array.astype(dtypes.as_dtype(dtype or wanted)))


def from_numpy(array: Any) -> Tensor:
    """A tensor that shares the array's memory. Do not write to the array while the tensor is in use.

    Shape and dtype are the array's. MindSpore's `Tensor.from_numpy`.
    """
    return as_tensor(array)


__all__ = [
    "arange",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "linspace",
    "ones",
    "ones_like",
    "zeros",
    "zeros_like",
]
