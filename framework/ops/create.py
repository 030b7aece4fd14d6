"""Making tensors. What is made inside a trace is a constant of it."""

from __future__ import annotations

from typing import Any

from framework.core import backend, dtypes
from framework.core.tensor import Tensor, as_tensor, wrap
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
    API.
    """
    if stop is None:
        start, stop = 0, start
    floats = any(isinstance(n, float) for n in (start, stop, step))
    wanted = dtypes.as_dtype(dtype or (dtypes.default_float if floats else dtypes.default_int))
    return wrap(backend.xp.arange(start, stop, step, dtype=wanted))


def eye(n_rows: int, n_cols: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """1 on diagonal k, 0 elsewhere; float32 by default. Array API `eye`."""
    return wrap(backend.xp.eye(n_rows, n_cols, k, dtype=dtypes.as_dtype(dtype or dtypes.default_float)))


def from_numpy(array: Any) -> Tensor:
    """A tensor that shares the array's memory. Do not write to the array while the tensor is in use."""
    return as_tensor(array)


__all__ = ["arange", "eye", "from_numpy", "full", "ones", "ones_like", "zeros", "zeros_like"]
