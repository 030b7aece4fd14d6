"""Operators that move elements: reshaping, transposing, joining, slicing."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from framework.core.tensor import Tensor, apply, as_tensor
from framework.errors import DTypeError, ShapeError
from framework.ops.coerce import Operand, axes_from_right, axis_from_right, cast, common
from framework.prims import shape as p


def as_shape(shape: Any, least: int = 0) -> tuple[int, ...]:
    """A size or a sequence of sizes as a tuple of ints; DTypeError and ShapeError for what is none."""
    given = shape if isinstance(shape, Sequence) and not isinstance(shape, str) else (shape,)
    try:
        sizes = tuple([n.__index__() for n in given])
    except AttributeError:
        raise DTypeError(f"shape {shape!r:.80}: an int or a sequence of ints is needed") from None
    if sizes and min(sizes) < least:
        raise ShapeError(f"shape {shape!r:.80}: sizes of {least} or more are needed")
    return sizes


def reshape(x: Operand, shape: Any) -> Tensor:
    """The same elements in another shape; one size may be -1. Array API `reshape`."""
    x = as_tensor(x)
    sizes = as_shape(shape, -1)
    if -1 in sizes:
        rest = -prod(sizes)
        if sizes.count(-1) > 1 or rest <= 0 or x.size % rest:
            raise ShapeError(
                f"reshape: {x.shape} does not fit {sizes}; at most one -1, and sizes that divide {x.size}"
            )
        sizes = tuple([x.size // rest if n == -1 else n for n in sizes])
    result: Tensor = x if sizes == x.shape else apply(p.RESHAPE, x, shape=sizes)
    return result


def broadcast_to(x: Operand, shape: Any) -> Tensor:
    """x repeated along new or size-1 dimensions. Array API `broadcast_to`."""
    x = as_tensor(x)
    sizes = as_shape(shape)
    result: Tensor = x if sizes == x.shape else apply(p.BROADCAST, x, shape=sizes)
    return result


def permute_dims(x: Operand, axes: Sequence[int]) -> Tensor:
    """Dimension i of the result is dimension axes[i] of x. Array API `permute_dims`."""
    x = as_tensor(x)
    perm = [axis_from_right(a, x.ndim, "permute_dims") for a in axes]
    if sorted(perm) != list(range(-x.ndim, 0)):
        raise ShapeError(f"permute_dims: axes {tuple(axes)} must name each of {x.ndim} dimensions once")
    while perm and perm[0] == -len(perm):
        del perm[0]
    result: Tensor = apply(p.TRANSPOSE, x, perm=tuple(perm)) if perm else x
    return result


def swapaxes(x: Operand, axis1: int, axis2: int) -> Tensor:
    """Two dimensions exchanged. `torch.transpose`."""
    x = as_tensor(x)
    order = list(range(x.ndim))
    i, j = axis_from_right(axis1, x.ndim, "swapaxes"), axis_from_right(axis2, x.ndim, "swapaxes")
    order[i], order[j] = order[j], order[i]
    return permute_dims(x, order)


def matrix_transpose(x: Operand) -> Tensor:
    """The last two dimensions exchanged. Array API `matrix_transpose`."""
    return swapaxes(x, -1, -2)


def moveaxis(x: Operand, source: int | tuple[int, ...], destination: int | tuple[int, ...]) -> Tensor:
    """Dimensions moved to other places, the rest in order. Array API `moveaxis`."""
    x = as_tensor(x)
    sources = [axis_from_right(a, x.ndim, "moveaxis") + x.ndim for a in _tuple(source)]
    places = [axis_from_right(a, x.ndim, "moveaxis") + x.ndim for a in _tuple(destination)]
    if len(sources) != len(places):
        raise ShapeError(f"moveaxis: source {source!r}, destination {destination!r}: give as many of each")
    order = [i for i in range(x.ndim) if i not in sources]
    for place, i in sorted(zip(places, sources, strict=True)):
        order.insert(place, i)
    return permute_dims(x, order)


def _tuple(axis: int | tuple[int, ...]) -> tuple[int, ...]:
    return tuple(axis) if isinstance(axis, tuple | list) else (axis,)


def expand_dims(x: Operand, axis: int = 0) -> Tensor:
    """A new dimension of size 1 at `axis` of the result. Array API `expand_dims`."""
    x = as_tensor(x)
    i = axis_from_right(axis, x.ndim + 1, "expand_dims") + x.ndim + 1
    return reshape(x, (*x.shape[:i], 1, *x.shape[i:]))


def squeeze(x: Operand, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Without dimensions of size 1: those named, or all. Array API `squeeze`."""
    x = as_tensor(x)
    if axis is None:
        return reshape(x, tuple([n for n in x.shape if n != 1]))
    gone = {a + x.ndim for a in axes_from_right(axis, x.ndim, "squeeze")}
    if any(x.shape[i] != 1 for i in gone):
        raise ShapeError(f"squeeze: axis {axis} of shape {x.shape} is not of size 1")
    return reshape(x, tuple([n for i, n in enumerate(x.shape) if i not in gone]))


def concat(arrays: Sequence[Operand], axis: int | None = 0) -> Tensor:
    """Joined along an axis; flattened first where it is None. Array API `concat`."""
    xs = common(list(arrays))
    if not xs:
        raise ShapeError("concat: no arrays were given; give at least one")
    if axis is None:
        xs, axis = [reshape(x, (-1,)) for x in xs], 0
    result: Tensor = apply(p.CONCAT, *xs, axis=axis_from_right(axis, xs[0].ndim, "concat"))
    return result


def stack(arrays: Sequence[Operand], axis: int = 0) -> Tensor:
    """Joined along a new axis. Array API `stack`."""
    return concat([expand_dims(x, axis) for x in arrays], axis)


def narrow(x: Operand, axis: int, start: int, length: int) -> Tensor:
    """`length` elements of one axis from `start`. `torch.narrow`."""
    x = as_tensor(x)
    i = axis_from_right(axis, x.ndim, "narrow")
    if not 0 <= start <= start + length <= x.shape[i]:
        raise ShapeError(f"narrow: {start} to {start + length} is outside axis {axis} of shape {x.shape}")
    whole = [(0, n, 1) for n in x.shape[x.ndim + i :]]
    result: Tensor = apply(p.SLICE, x, where=((start, start + length, 1), *whole[1:]))
    return result


def select(x: Operand, axis: int, index: int) -> Tensor:
    """One element of an axis, which is gone from the result. `torch.select`."""
    return squeeze(narrow(x, axis, index, 1), axis)


def sum_to(x: Operand, shape: tuple[int, ...]) -> Tensor:
    """Summed over the dimensions that broadcasting to x's shape would add or stretch. `torch.sum_to_size`."""
    from framework.ops.reduce import sum

    x = as_tensor(x)
    lead = x.ndim - len(shape)
    stretched = [i for i, n in enumerate(x.shape) if i < lead or (n != 1 and shape[i - lead] == 1)]
    return reshape(sum(x, axis=tuple(stretched)) if stretched else x, shape)


__all__ = [
    "broadcast_to", "cast", "concat", "expand_dims", "matrix_transpose", "moveaxis", "narrow", "permute_dims",
    "reshape", "select", "squeeze", "stack", "sum_to", "swapaxes",
]  # fmt: skip
