"""Reductions and products of matrices."""

from __future__ import annotations

from math import prod as _product
from typing import Any

from framework.core import dtypes
from framework.core.tensor import Tensor, apply, as_tensor
from framework.ops.coerce import Operand, axes_from_right, cast, pair
from framework.ops.elementwise import abs, divide, equal, sqrt, square, subtract, where
from framework.ops.shape import expand_dims, squeeze
from framework.prims import reduce as p

Axis = int | tuple[int, ...] | None


def wide(x: Tensor, dtype: Any) -> Tensor:
    """What sum and prod compute in: the dtype asked for, else 64 bits for integers and bools."""
    if dtype is not None:
        return cast(x, dtype)
    if x.dtype.kind in "bi":
        return cast(x, dtypes.int64)
    return cast(x, dtypes.uint64) if x.dtype.kind == "u" else x


def sum(x: Operand, axis: Axis = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The sum over axes, of all by default; of integers in 64 bits. Array API `sum`."""
    x = wide(as_tensor(x), dtype)
    result: Tensor = apply(p.SUM, x, axis=axes_from_right(axis, x.ndim, "sum"), keepdims=keepdims)
    return result


def mean(x: Operand, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """The mean over axes, of all by default; integers become float32. Array API `mean`."""
    x = as_tensor(x)
    x = cast(x, dtypes.to_float(x.dtype))
    axes = axes_from_right(axis, x.ndim, "mean")
    return divide(sum(x, axes, keepdims=keepdims), _product([x.shape[a] for a in axes]))


def max(x: Operand, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """The largest over axes, of all by default. Ties share the gradient evenly. Array API `max`."""
    x = as_tensor(x)
    result: Tensor = apply(p.MAX, x, axis=axes_from_right(axis, x.ndim, "max"), keepdims=keepdims)
    return result


def min(x: Operand, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """The smallest over axes, of all by default. Ties share the gradient evenly. Array API `min`."""
    x = as_tensor(x)
    result: Tensor = apply(p.MIN, x, axis=axes_from_right(axis, x.ndim, "min"), keepdims=keepdims)
    return result


def all(x: Operand, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Are all elements non-zero, over axes, of all by default? Array API `all`."""
    return _logical(p.ALL, x, axis, keepdims)


def any(x: Operand, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Is any element non-zero, over axes, of all by default? Array API `any`."""
    return _logical(p.ANY, x, axis, keepdims)


def _logical(prim: Any, x: Operand, axis: Axis, keepdims: bool) -> Tensor:
    t = cast(x, dtypes.bool_)
    result: Tensor = apply(prim, t, axis=axes_from_right(axis, t.ndim, prim.name), keepdims=keepdims)
    return result


def prod(x: Operand, axis: Axis = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The product over axes, of all by default; of integers in 64 bits. Array API `prod`."""
    t = wide(as_tensor(x), dtype)
    result: Tensor = apply(p.PROD, t, axis=axes_from_right(axis, t.ndim, "prod"), keepdims=keepdims)
    return result


def var(x: Operand, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The mean square distance from the mean, divided by n - correction. Array API `var` (torch corrects by
    1).
    """
    t = as_tensor(x)
    t = cast(t, dtypes.to_float(t.dtype))
    axes = axes_from_right(axis, t.ndim, "var")
    distance = subtract(t, mean(t, axes, keepdims=True))
    return divide(
        sum(square(abs(distance)), axes, keepdims=keepdims), _product([t.shape[a] for a in axes]) - correction
    )


def std(x: Operand, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The square root of `var`. Array API `std`."""
    square_of_it = var(x, axis, correction=correction, keepdims=keepdims)
    zero = equal(square_of_it, 0)  # the derivative there is 0, as torch's
    return where(zero, 0, sqrt(where(zero, 1, square_of_it)))


def matmul(x: Operand, y: Operand) -> Tensor:
    """The product of matrices in the last two dimensions, the rest broadcast; a vector is a row before and a
    column behind. Array API `matmul`.
    """
    x, y = pair(x, y)
    if x.ndim == 1:
        return squeeze(matmul(expand_dims(x, 0), y), -2 if y.ndim > 1 else -1)
    if y.ndim == 1:
        return squeeze(matmul(x, expand_dims(y, 1)), -1)
    result: Tensor = apply(p.MATMUL, x, y)
    return result


__all__ = ["all", "any", "matmul", "max", "mean", "min", "prod", "std", "sum", "var", "wide"]
