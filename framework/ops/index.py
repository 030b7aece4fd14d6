"""Indexing, sorting, searching, running totals."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.core import backend, dtypes
from framework.core.tensor import Tensor, apply, as_tensor, known, wrap
from framework.errors import DTypeError, ShapeError
from framework.ops.coerce import Operand, axes_from_right, axis_from_right, cast, is_operand
from framework.ops.create import arange
from framework.ops.elementwise import where as _choose
from framework.ops.reduce import wide
from framework.ops.shape import broadcast_to, moveaxis, permute_dims, reshape
from framework.prims import index as p
from framework.prims.elementwise import broadcast_shapes
from framework.prims.shape import SLICE


def getitem(x: Tensor, where: Any) -> Tensor:
    """x[where], by NumPy's rules: integers, slices, `...`, None, integer arrays or tensors, boolean masks.

    A mask needs its value, so inside a trace it raises TraceError: use `where`. Raises ShapeError for an
    index out of range or too many of them, DTypeError for an index of another kind.
    """
    x = as_tensor(x)
    if x.prim is None:  # nobody differentiates or traces it, so NumPy may do it all
        found = _at_once(x.value, where)
        if found is not None:
            return found
    entries = _entries(x, where if isinstance(where, tuple) else (where,))
    x = reshape(x, tuple([1 if e is None else n for e, n in _with_sizes(entries, x.shape)]))
    entries = [slice(None) if e is None else e for e in entries]
    advanced = [i for i, e in enumerate(entries) if is_operand(e)]
    if advanced:  # integers beside arrays are arrays of no dimension, as in NumPy
        advanced = [i for i, e in enumerate(entries) if not isinstance(e, slice)]
    x = _sliced(x, [slice(None) if i in advanced else e for i, e in enumerate(entries)])
    if not advanced:
        return reshape(x, tuple([n for e, n in zip(entries, x.shape, strict=True) if isinstance(e, slice)]))
    return _gathered(x, [e if isinstance(e, slice) else as_tensor(e) for e in entries], advanced)


def _at_once(array: Any, where: Any) -> Tensor | None:
    """array[where], or None where that fails or an index is recorded: then the long way tells."""
    given = [where] if where.__class__ is not tuple else list(where)
    for i, e in enumerate(given):
        if is_operand(e):
            if e.prim is not None:
                return None
            given[i] = e.value
    try:
        return wrap(backend.xp.asarray(array[tuple(given)]))
    except (IndexError, TypeError, ValueError):
        return None


def _entries(x: Tensor, where: tuple[Any, ...]) -> list[Any]:
    """An entry per dimension of x (int, slice, tensor of integers), and None for each new one."""
    found: list[Any] = []
    masks: list[tuple[Tensor, tuple[int, ...]]] = []  # the first of a mask's entries, and the mask's shape
    for e in where:
        if e is None or e is Ellipsis or isinstance(e, slice):
            found.append(e)
        elif isinstance(e, int | np.integer) and not isinstance(e, bool):
            found.append(int(e))
        else:
            indices, mask = _as_indices(e)
            found += indices
            masks += [(indices[0], mask)] if mask else []
    taken = sum(1 for e in found if e is not None and e is not Ellipsis)
    if taken > x.ndim or sum(1 for e in found if e is Ellipsis) > 1:
        raise ShapeError(
            f"index {where!r:.100} has {taken} entries for a tensor of shape {x.shape}, at most one '...'"
        )
    rest = [slice(None)] * (x.ndim - taken)
    i = next((i for i, e in enumerate(found) if e is Ellipsis), len(found))
    found = found[:i] + rest + found[i + 1 :]
    for first, mask in masks:
        at = [e is first for e in found if e is not None].index(True)
        if x.shape[at : at + len(mask)] != mask:
            raise ShapeError(
                f"a boolean mask of shape {mask} for dimension {at} of shape {x.shape}: make them equal"
            )
    return found


def _as_indices(e: Any) -> tuple[list[Tensor], tuple[int, ...]]:
    """An array, tensor or list as integer tensors, a mask as one per dimension; and the mask's shape."""
    t = as_tensor(e)
    if t.dtype == dtypes.bool_ and t.ndim:
        return [as_tensor(i) for i in known(t, "a boolean mask as index").nonzero()], t.shape
    if isinstance(e, list | tuple) and t.size == 0:
        t = cast(t, dtypes.int64)
    if not dtypes.is_integer(t.dtype):
        raise DTypeError(
            f"an index must be integers, slices or a boolean mask, not {t.dtype.name} {e!r:.80}: cast it"
        )
    return [t], ()


def _with_sizes(entries: list[Any], shape: tuple[int, ...]) -> list[tuple[Any, int]]:
    sizes = iter(shape)
    return [(e, 1 if e is None else next(sizes)) for e in entries]


def _sliced(x: Tensor, entries: list[Any]) -> Tensor:
    """Slices taken; an integer as a slice of size 1."""
    ranges = []
    for i, (e, n) in enumerate(zip(entries, x.shape, strict=True)):
        if isinstance(e, slice):
            if e.step == 0:
                raise ShapeError(f"index {e!r} of a tensor of shape {x.shape}: a step other than 0 is needed")
            ranges.append(e.indices(n))
        elif -n <= e < n:
            ranges.append((e % n, e % n + 1, 1))
        else:
            raise ShapeError(
                f"index {e} is out of range for dimension {i} of shape {x.shape}; it has size {n}"
            )
    first = next((i for i, (r, n) in enumerate(zip(ranges, x.shape, strict=True)) if r != (0, n, 1)), None)
    return x if first is None else apply(SLICE, x, where=tuple(ranges[first:]))


def _gathered(x: Tensor, entries: list[Any], advanced: list[int]) -> Tensor:
    """Indexed by tensors at the dimensions named: moved to the front, gathered, moved back."""
    try:
        shape = broadcast_shapes(*[entries[i].shape for i in advanced])
    except ShapeError as fault:
        raise ShapeError(f"index arrays: {fault}") from None
    rest = [i for i in range(x.ndim) if i not in advanced]
    x = permute_dims(x, advanced + rest)
    out: Tensor = apply(p.GATHER, x, *[broadcast_to(entries[i], shape) for i in advanced])
    together = advanced == list(range(advanced[0], advanced[-1] + 1))
    if not together or advanced[0] == 0:
        return out
    return moveaxis(out, tuple(range(len(shape))), tuple(range(advanced[0], advanced[0] + len(shape))))


def index_put(x: Operand, where: Any, value: Operand) -> Tensor:
    """x with `value` (broadcast) at x[where]: a new tensor, with gradients to both. `where` as for indexing.

    Where an index stands twice, the last value wins, and alone has a gradient. `torch.index_put`.
    """
    t = as_tensor(x)
    places = getitem(reshape(arange(t.size), t.shape), where)
    given = as_tensor(value)
    if dtypes.is_complex(given.dtype) and not dtypes.is_complex(t.dtype):
        raise DTypeError(f"index_put: {given.dtype.name} into {t.dtype.name}: take the real part first")
    given = broadcast_to(cast(given, t.dtype), places.shape)
    flat: Tensor = apply(p.SCATTER, reshape(t, (-1,)), reshape(given, (-1,)), reshape(places, (-1,)))
    return reshape(flat, t.shape)


def take(x: Operand, indices: Operand, axis: int | None = None) -> Tensor:
    """Elements of one axis by number (of the flattened tensor where it is None). Array API `take`.

    Raises DTypeError for indices that are no integers.
    """
    t, places = as_tensor(x), as_tensor(indices)
    if places.size and not dtypes.is_integer(places.dtype):
        raise DTypeError(f"take: the indices are {places.dtype.name}; integers are needed: cast them")
    if axis is None:
        t, axis = reshape(t, (-1,)), 0
    i = axis_from_right(axis, t.ndim, "take") + t.ndim
    return getitem(t, (*(slice(None),) * i, cast(places, dtypes.int64)))


def take_along_axis(x: Operand, indices: Operand, axis: int = -1) -> Tensor:
    """x[..., indices[..., i, ...], ...] along one axis; other dimensions broadcast. Array API
    `take_along_axis`.
    """
    t, places = as_tensor(x), as_tensor(indices)
    if not dtypes.is_integer(places.dtype):
        raise DTypeError(
            f"take_along_axis: the indices are {places.dtype.name}; integers are needed: cast them"
        )
    result: Tensor = apply(p.TAKE_ALONG, t, places, axis=axis_from_right(axis, t.ndim, "take_along_axis"))
    return result


def scatter_add(x: Operand, axis: int, index: Operand, src: Operand) -> Tensor:
    """x plus each element of src (of index's shape) at index along the axis. `torch.scatter_add`."""
    t = as_tensor(x)
    place = axis_from_right(axis, t.ndim, "scatter_add")
    added: Tensor = apply(p.ADD_ALONG, cast(src, t.dtype), as_tensor(index), axis=place, n=t.shape[place])
    return t + added


def flip(x: Operand, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """The order of elements reversed along axes, all by default. Array API `flip`."""
    t = as_tensor(x)
    turned = axes_from_right(axis, t.ndim, "flip")
    entries = [slice(None, None, -1 if i - t.ndim in turned else 1) for i in range(t.ndim)]
    return _sliced(t, entries)


def argsort(x: Operand, axis: int = -1, *, descending: bool = False, stable: bool = True) -> Tensor:
    """Indices (int64) that sort x along an axis; always stable. Array API `argsort`."""
    t = as_tensor(x)
    result: Tensor = apply(p.ARGSORT, t, axis=axis_from_right(axis, t.ndim, "argsort"), descending=descending)
    return result


def sort(x: Operand, axis: int = -1, *, descending: bool = False, stable: bool = True) -> Tensor:
    """x sorted along an axis, NaN last. Array API `sort`."""
    return take_along_axis(x, argsort(x, axis, descending=descending), axis)


def topk(x: Operand, k: int, axis: int = -1, largest: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest (smallest) of an axis in order, and their indices. `torch.topk`."""
    from framework.ops.shape import narrow

    size = as_tensor(x).shape[axis_from_right(axis, as_tensor(x).ndim, "topk")]
    if not 0 <= k <= size:
        raise ShapeError(f"topk: k {k} of an axis of {size} elements; give 0 to {size}")
    order = narrow(argsort(x, axis, descending=largest), axis, 0, k)
    return take_along_axis(x, order, axis), order


def argmax(x: Operand, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The index of the first largest element, of the flattened tensor by default. Array API `argmax`."""
    return _arg(p.ARGMAX, x, axis, keepdims)


def argmin(x: Operand, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The index of the first smallest element, of the flattened tensor by default. Array API `argmin`."""
    return _arg(p.ARGMIN, x, axis, keepdims)


def _arg(prim: Any, x: Operand, axis: int | None, keepdims: bool) -> Tensor:
    t = as_tensor(x)
    if axis is None:
        flat: Tensor = apply(prim, reshape(t, (-1,)), axis=-1, keepdims=False)
        return reshape(flat, (1,) * t.ndim) if keepdims else flat
    result: Tensor = apply(prim, t, axis=axis_from_right(axis, t.ndim, prim.name), keepdims=keepdims)
    return result


def cumsum(x: Operand, axis: int, dtype: Any = None) -> Tensor:
    """The running total along an axis; of integers in 64 bits. `torch.cumsum`."""
    t = wide(as_tensor(x), dtype)
    result: Tensor = apply(p.CUMSUM, t, axis=axis_from_right(axis, t.ndim, "cumsum"))
    return result


def cumprod(x: Operand, axis: int, dtype: Any = None) -> Tensor:
    """The running product along an axis; of integers in 64 bits. `torch.cumprod`."""
    t = wide(as_tensor(x), dtype)
    result: Tensor = apply(p.CUMPROD, t, axis=axis_from_right(axis, t.ndim, "cumprod"))
    return result


def searchsorted(x: Operand, v: Operand, *, side: str = "left", sorter: Operand | None = None) -> Tensor:
    """Where each v would go in the sorted one-dimensional x. Array API `searchsorted`."""
    t = as_tensor(x) if sorter is None else take(x, sorter, 0)
    if t.ndim != 1 or side not in ("left", "right"):
        raise ShapeError(
            f"searchsorted: x of shape {t.shape} must have one dimension, side {side!r} be left or right"
        )
    result: Tensor = apply(p.SEARCHSORTED, t, as_tensor(v), right=side == "right")
    return result


def nonzero(x: Operand) -> tuple[Tensor, ...]:
    """The indices of elements that are not zero, a tensor per dimension. Needs the value. Array API
    `nonzero`.
    """
    return tuple([as_tensor(i) for i in known(as_tensor(x), "nonzero").nonzero()])


def one_hot(x: Operand, num_classes: int, dtype: Any = None) -> Tensor:
    """1 at the class's place in a new last dimension of `num_classes`, 0 elsewhere; float32 by default.

    A class outside of 0 to num_classes - 1 has no 1, as in `jax.nn.one_hot`. Raises DTypeError for classes
    that are no integers. `torch.one_hot` gives int64.
    """
    t = as_tensor(x)
    if not dtypes.is_integer(t.dtype):
        raise DTypeError(f"one_hot: classes of dtype {t.dtype.name}; integers are needed: cast them")
    return cast(reshape(t, (*t.shape, 1)) == arange(num_classes), dtype or dtypes.default_float)


def masked_fill(x: Operand, mask: Operand, value: Operand) -> Tensor:
    """x with `value` where the mask holds. `torch.masked_fill`."""
    return _choose(mask, value, x)
