"""Operators that rearrange, repeat, pad and join, made of those in `shape.py` and `index.py`."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from framework.core import dtypes
from framework.core.tensor import Tensor, apply, as_tensor, known
from framework.errors import ArgumentError, DTypeError, ShapeError
from framework.ops.coerce import Operand, axis_from_right, cast
from framework.ops.create import arange, full, ones, zeros
from framework.ops.elementwise import not_equal, subtract, where
from framework.ops.index import getitem, sort, take
from framework.ops.reduce import any, sum
from framework.ops.shape import (
    as_shape,
    broadcast_to,
    concat,
    expand_dims,
    narrow,
    permute_dims,
    reshape,
    squeeze,
)
from framework.prims.elementwise import broadcast_shapes
from framework.prims.shape import UNSLICE


def broadcast_arrays(*arrays: Operand) -> tuple[Tensor, ...]:
    """All in their common shape. Array API `broadcast_arrays`."""
    xs = [as_tensor(x) for x in arrays]
    shape = broadcast_shapes(*[x.shape for x in xs])
    return tuple([broadcast_to(x, shape) for x in xs])


def flatten(x: Operand, start_axis: int = 0, end_axis: int = -1) -> Tensor:
    """Dimensions start_axis to end_axis as one; all by default. `torch.flatten`."""
    t = as_tensor(x)
    if not t.ndim:
        return reshape(t, (1,))
    first = axis_from_right(start_axis, t.ndim, "flatten") + t.ndim
    last = axis_from_right(end_axis, t.ndim, "flatten") + t.ndim
    if first > last:
        raise ShapeError(f"flatten: start_axis {start_axis} comes after end_axis {end_axis}")
    return reshape(t, (*t.shape[:first], prod(t.shape[first : last + 1]), *t.shape[last + 1 :]))


def unstack(x: Operand, axis: int = 0) -> tuple[Tensor, ...]:
    """The elements of an axis as tensors. Array API `unstack`."""
    t = as_tensor(x)
    place = axis_from_right(axis, t.ndim, "unstack")
    return tuple([squeeze(narrow(t, place, i, 1), place) for i in range(t.shape[place])])


def split(x: Operand, sizes: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """Parts of an axis: of one size (the last may be smaller), or of the sizes given. `torch.split`."""
    t = as_tensor(x)
    n = t.shape[axis_from_right(axis, t.ndim, "split")]
    if isinstance(sizes, int) and sizes < 1:
        raise ShapeError(f"split: sizes {sizes} must be 1 or more, or a sequence of sizes")
    parts = [min(sizes, n - i) for i in range(0, n, sizes)] if isinstance(sizes, int) else list(sizes)
    if builtins.sum(parts) != n:
        raise ShapeError(
            f"split: sizes {sizes} add up to {builtins.sum(parts)}, axis {axis} of {t.shape} has {n}"
        )
    starts = np.cumsum([0, *parts[:-1]]).tolist()
    return tuple([narrow(t, axis, start, size) for start, size in zip(starts, parts, strict=True)])


def chunk(x: Operand, chunks: int, axis: int = 0) -> tuple[Tensor, ...]:
    """At most that many parts of an axis, of one size but the last. `torch.chunk`."""
    t = as_tensor(x)
    if chunks < 1:
        raise ArgumentError(f"chunk: chunks {chunks} must be 1 or more")
    n = t.shape[axis_from_right(axis, t.ndim, "chunk")]
    return split(t, max(1, -(-n // chunks)), axis)


def roll(x: Operand, shift: int | tuple[int, ...], axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Elements moved by `shift` places along axes, what falls out coming back in. Array API `roll`."""
    t = as_tensor(x)
    if axis is None:
        return reshape(roll(reshape(t, (-1,)), shift, 0), t.shape)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    shifts = (shift,) * len(axes) if isinstance(shift, int) else tuple(shift)
    if len(shifts) != len(axes):
        raise ShapeError(f"roll: {len(shifts)} shifts for {len(axes)} axes; give one for each")
    for a, s in zip(axes, shifts, strict=True):
        n = t.shape[axis_from_right(a, t.ndim, "roll")]
        k = s % n if n else 0
        if k:
            t = concat([narrow(t, a, n - k, k), narrow(t, a, 0, n - k)], a)
    return t


def repeat(x: Operand, repeats: Any, axis: int | None = None) -> Tensor:
    """Each element repeated, as often as `repeats` (one int, or one for each) says. Array API `repeat`."""
    t = as_tensor(x)
    if axis is None:
        t, axis = reshape(t, (-1,)), 0
    i = axis_from_right(axis, t.ndim, "repeat") + t.ndim
    if isinstance(repeats, int):
        as_shape(repeats)
        wide = broadcast_to(expand_dims(t, i + 1), (*t.shape[: i + 1], repeats, *t.shape[i + 1 :]))
        return reshape(wide, (*t.shape[:i], t.shape[i] * repeats, *t.shape[i + 1 :]))
    counts = np.broadcast_to(known(as_tensor(repeats), "repeats"), (t.shape[i],))
    return take(t, np.repeat(np.arange(t.shape[i]), counts), i)


def tile(x: Operand, repetitions: Sequence[int]) -> Tensor:
    """The whole tensor repeated along each axis. Array API `tile`."""
    t, times = as_tensor(x), list(as_shape(repetitions))
    times = [1] * (t.ndim - len(times)) + times
    t = reshape(t, (1,) * (len(times) - t.ndim) + t.shape)
    shape = [s for n, k in zip(t.shape, times, strict=True) for s in (k, n)]
    twice = reshape(t, [s for n in t.shape for s in (1, n)])
    return reshape(broadcast_to(twice, shape), [n * k for n, k in zip(t.shape, times, strict=True)])


def pad(x: Operand, widths: Sequence[tuple[int, int]], mode: str = "constant", value: float = 0.0) -> Tensor:
    """Elements added before and after each of the last dimensions: `widths` has a pair for each of them.

    `mode` is "constant" (of `value`), "edge" (the last element again) or "reflect" (mirrored at it). Raises
    ArgumentError for another mode or a negative width. `numpy.pad`.
    """
    t = as_tensor(x)
    pairs = isinstance(widths, Sequence) and builtins.all(
        isinstance(w, Sequence) and len(w) == 2 and min(w) >= 0 for w in widths
    )
    if mode not in ("constant", "edge", "reflect") or not pairs or len(widths) > t.ndim:
        raise ArgumentError(
            f"pad: mode {mode!r}, widths {widths!r} of a tensor of shape {t.shape}: 'constant', 'edge' or "
            "'reflect', and for each of the last dimensions a pair (before, after) of numbers from 0"
        )
    if mode != "constant":
        for i, (before, after) in enumerate(widths, t.ndim - len(widths)):
            places = np.pad(np.arange(t.shape[i]), (before, after), mode=mode)  # type: ignore[call-overload]
            t = take(t, places, i)
        return t
    sizes = t.shape[t.ndim - len(widths) :]
    attrs = {
        "where": tuple([(a, a + n, 1) for (a, _), n in zip(widths, sizes, strict=True)]),
        "shape": tuple([a + n + b for (a, b), n in zip(widths, sizes, strict=True)]),
    }
    out: Tensor = apply(UNSLICE, t, **attrs)
    return out if value == 0 else where(apply(UNSLICE, ones(t.shape, dtypes.bool_), **attrs), out, value)


def diff(x: Operand, axis: int = -1, n: int = 1, prepend: Operand = None, append: Operand = None) -> Tensor:
    """Each element less the one before, n times along an axis. Array API `diff`."""
    parts = [as_tensor(part) for part in (prepend, x, append) if part is not None]
    t = concat(parts, axis) if len(parts) > 1 else parts[0]
    for _ in range(n):
        size = t.shape[axis]
        later, earlier = narrow(t, axis, 1, size - 1), narrow(t, axis, 0, size - 1)
        t = not_equal(later, earlier) if t.dtype.kind == "b" else subtract(later, earlier)
    return t


def meshgrid(*arrays: Operand, indexing: str = "xy") -> tuple[Tensor, ...]:
    """A grid of the coordinates in one-dimensional arrays; "xy" exchanges the first two axes. Array API."""
    xs = [as_tensor(x) for x in arrays]
    if indexing not in ("xy", "ij") or builtins.any(x.ndim != 1 for x in xs):
        raise ArgumentError(
            f"meshgrid: indexing {indexing!r}, shapes {[x.shape for x in xs]}: 'xy' or 'ij', and vectors"
        )
    grid = broadcast_arrays(
        *[reshape(x, (1,) * i + x.shape + (1,) * (len(xs) - 1 - i)) for i, x in enumerate(xs)]
    )
    if indexing == "ij" or len(xs) < 2:
        return grid
    return tuple([permute_dims(g, (1, 0, *range(2, len(xs)))) for g in grid])


def tril(x: Operand, k: int = 0) -> Tensor:
    """The lower triangle of the last two dimensions, to diagonal k; zeros above. Array API `tril`."""
    t = as_tensor(x)
    return where(_rows_less_columns(t) >= -k, t, _zero(t))


def triu(x: Operand, k: int = 0) -> Tensor:
    """The upper triangle of the last two dimensions, from diagonal k; zeros below. Array API `triu`."""
    t = as_tensor(x)
    return where(_rows_less_columns(t) <= -k, t, _zero(t))


def _rows_less_columns(t: Tensor) -> Tensor:
    if t.ndim < 2:
        raise ShapeError(f"tril, triu: x has shape {t.shape}; two dimensions or more are needed")
    return subtract(expand_dims(arange(t.shape[-2]), 1), arange(t.shape[-1]))


def _zero(t: Tensor) -> Tensor:
    return zeros((), t.dtype)


def diagonal(x: Operand, offset: int = 0, axis1: int = -2, axis2: int = -1) -> Tensor:
    """The diagonal of two axes, as the last axis. Array API `linalg.diagonal`."""
    t = as_tensor(x)
    i, j = (axis_from_right(a, t.ndim, "diagonal") + t.ndim for a in (axis1, axis2))
    t = permute_dims(t, [*[d for d in range(t.ndim) if d not in (i, j)], i, j])
    row, column = max(0, -offset), max(0, offset)
    n = max(0, min(t.shape[-2] - row, t.shape[-1] - column))
    return getitem(t, (..., arange(row, row + n), arange(column, column + n)))


def diag(x: Operand, k: int = 0) -> Tensor:
    """The diagonal k of a matrix, or the matrix with that diagonal of a vector. `torch.diag`."""
    t = as_tensor(x)
    if t.ndim != 1:
        return diagonal(t, k)
    n = t.shape[0] + abs(k)
    shift = arange(n) - expand_dims(arange(n), 1)
    wide = pad(t, [(max(k, 0), max(-k, 0))])  # element i of the vector stands in column i + k
    return where(shift == k, wide if k >= 0 else expand_dims(roll(wide, -k, 0), 1), _zero(t))


def count_nonzero(x: Operand, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Tensor:
    """How many elements are not zero, over axes, of all by default. Array API `count_nonzero`."""
    return sum(not_equal(x, 0), axis, keepdims=keepdims)


def isin(x1: Operand, x2: Operand, *, invert: bool = False) -> Tensor:
    """Is each element of x1 one of x2 (none of them, with `invert`)? `torch.isin`."""
    t = as_tensor(x1)
    found = any(expand_dims(t, -1) == reshape(as_tensor(x2), (-1,)), -1)
    return not_equal(found, True) if invert else found


def unique_values(x: Operand) -> Tensor:
    """The different elements, sorted. Needs the value. Array API `unique_values`."""
    return _unique(x, "unique_values")[0]


def unique_counts(x: Operand) -> tuple[Tensor, Tensor]:
    """The different elements, sorted, and how often each occurs. Needs the value. Array API."""
    values, _, _, counts = _unique(x, "unique_counts")
    return values, counts


def unique_inverse(x: Operand) -> tuple[Tensor, Tensor]:
    """The different elements, sorted, and for each of x which one it is. Needs the value. Array API."""
    values, _, inverse, _ = _unique(x, "unique_inverse")
    return values, inverse


def unique_all(x: Operand) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The different elements, sorted; where each comes first; which one each of x is; counts. Array API."""
    return _unique(x, "unique_all")


def _unique(x: Operand, name: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    array = np.asarray(known(as_tensor(x), name))
    values, first, inverse, counts = np.unique(array, True, True, True, equal_nan=False)
    return as_tensor(values), as_tensor(first), as_tensor(inverse.reshape(array.shape)), as_tensor(counts)


def cumulative_sum(
    x: Operand, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """The running total, from 0 with `include_initial`. Array API `cumulative_sum`."""
    from framework.ops.index import cumsum

    return _running(cumsum, x, axis, dtype, 0 if include_initial else None)


def cumulative_prod(
    x: Operand, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """The running product, from 1 with `include_initial`. Array API `cumulative_prod`."""
    from framework.ops.index import cumprod

    return _running(cumprod, x, axis, dtype, 1 if include_initial else None)


def _running(total: Any, x: Operand, axis: int | None, dtype: Any, first: int | None) -> Tensor:
    t = as_tensor(x)
    if axis is None:
        if t.ndim != 1:
            raise ShapeError(
                f"cumulative: axis must be given for shape {t.shape}; only vectors may do without"
            )
        axis = 0
    out: Tensor = total(t, axis, dtype)
    if first is None:
        return out
    start = cast(full((), first), out.dtype)
    shape = list(out.shape)
    shape[axis] = 1
    return concat([broadcast_to(start, shape), out], axis)


def median(x: Operand, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The middle element in order, the mean of two of an even number. `numpy.median`."""
    t = as_tensor(x)
    if t.dtype.kind not in "f" and not dtypes.is_float(t.dtype):
        raise DTypeError(f"median: x is {t.dtype.name}; floating point is needed: cast it")
    whole = reshape(t, (-1,)) if axis is None else t
    place = -1 if axis is None else axis
    ordered, n = sort(whole, place), whole.shape[place]
    out = (narrow(ordered, place, (n - 1) // 2, 1) + narrow(ordered, place, n // 2, 1)) / 2
    if axis is None:
        return reshape(out, (1,) * t.ndim if keepdims else ())
    return out if keepdims else squeeze(out, place)
