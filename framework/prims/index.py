"""Records of gathering and scattering, of sorting and of running totals.

`gather(x, *indices)` takes integer arrays of one shape B, an array for each of x's first dimensions, and
gives B followed by x's other dimensions. Every kind of advanced indexing comes down to it (`ops/index.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import framework.ops as ops
from framework.core import backend, dtypes
from framework.core.prim import Aval, Prim, define
from framework.core.tensor import Tensor, apply
from framework.errors import ShapeError
from framework.prims.elementwise import broadcast_shapes
from framework.prims.reduce import total
from framework.prims.shape import to_front

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _gather(x: Any, *indices: Any) -> Aval:
    return Aval((*indices[0].shape, *x.shape[len(indices) :]), x.dtype)


def out_of_range(index: int, n: int) -> ShapeError:
    """The error of an index into a dimension of size n."""
    return ShapeError(f"index {index} is out of range for a dimension of size {n}; give {-n} to {n - 1}")


def _within(indices: Sequence[Any], shape: Sequence[int]) -> None:
    """ShapeError if an index is out of range: what NumPy's IndexError becomes."""
    for i, n in zip(indices, shape, strict=False):
        wrong = i[(i < -n) | (i >= n)]
        if wrong.size:
            raise out_of_range(int(wrong[0]), n)


def _gather_impl(xp: Any, x: Any, *indices: Any) -> Any:
    try:
        return xp.take(x, indices[0], axis=0) if len(indices) == 1 else x[indices]
    except IndexError:
        _within(indices, x.shape)
        raise


def _take_along_impl(xp: Any, x: Any, i: Any, axis: int) -> Any:
    try:
        return xp.take_along_axis(x, i, axis=axis)
    except IndexError:
        _within([i], [x.shape[axis]])
        raise


def _scatter_add_impl(xp: Any, g: Any, *indices: Any, shape: tuple[int, ...]) -> Any:
    f = backend.kernel("embedding_grad", g) if len(indices) == 1 and len(shape) == 2 else None
    if f is not None:  # rows of a table: np.add.at takes them element by element
        return f(g, indices[0] % shape[0], shape[0])
    out = xp.zeros(shape, g.dtype)
    backend.add_at(out, indices, g)
    return out


def _scatter_impl(xp: Any, x: Any, v: Any, *indices: Any) -> Any:
    out = x.copy()
    out[indices] = v
    return out


def _batched_indices(indices: Sequence[Tensor], bdims: Sequence[int | None]) -> tuple[list[Tensor], int]:
    """All with the batch in front, and its size; unbatched ones are repeated."""
    size = next(x.shape[d] for x, d in zip(indices, bdims, strict=True) if d is not None)
    return [
        ops.broadcast_to(x, (size, *x.shape)) if d is None else to_front(x, d)
        for x, d in zip(indices, bdims, strict=True)
    ], size


def _rows(size: int, like: Tensor) -> Tensor:
    """The number of the example at every place of batched indices."""
    return ops.broadcast_to(ops.reshape(ops.arange(size), (size,) + (1,) * (like.ndim - 1)), like.shape)


def _batched_gather(prim: Prim, ins: Sequence[Tensor], bdims: Sequence[int | None], attrs: Any) -> Any:
    x, *indices = ins
    if all(d is None for d in bdims[1:]):
        out = apply(prim, ops.moveaxis(x, bdims[0] or 0, -1), *indices)
        return out, out.ndim - 1
    indices, size = _batched_indices(indices, bdims[1:])
    if bdims[0] is None:
        return apply(prim, x, *indices), 0
    return apply(prim, to_front(x, bdims[0]), _rows(size, indices[0]), *indices), 0


def _batched_scatter_add(prim: Prim, ins: Sequence[Tensor], bdims: Sequence[int | None], attrs: Any) -> Any:
    g, *indices = ins
    shape = attrs["shape"]
    if all(d is None for d in bdims[1:]):
        g = ops.moveaxis(g, bdims[0] or 0, -1)
        return apply(prim, g, *indices, shape=(*shape, g.shape[-1])), len(shape)
    indices, size = _batched_indices(indices, bdims[1:])
    g = ops.broadcast_to(g, (size, *g.shape)) if bdims[0] is None else to_front(g, bdims[0])
    return apply(prim, g, _rows(size, indices[0]), *indices, shape=(size, *shape)), 0


def _batched_scatter(prim: Prim, ins: Sequence[Tensor], bdims: Sequence[int | None], attrs: Any) -> Any:
    (x, v, *indices), size = _batched_indices(ins, bdims)
    return apply(prim, x, v, _rows(size, indices[0]), *indices), 0


GATHER: Prim = define(
    "gather",
    _gather_impl,
    _gather,
    vjp=lambda g, o, x, *indices: (apply(SCATTER_ADD, g, *indices, shape=x.shape), *(None,) * len(indices)),
    jvp=lambda o, ins, ts: None if ts[0] is None else apply(GATHER, ts[0], *ins[1:]),
    vmap=_batched_gather,
)
SCATTER_ADD: Prim = define(  # zeros of that shape, to whose places each element of the operand is added
    "scatter_add",
    _scatter_add_impl,
    lambda g, *indices, shape: Aval(shape, g.dtype),
    vjp=lambda g, o, x, *indices, shape: (apply(GATHER, g, *indices), *(None,) * len(indices)),
    jvp=lambda o, ins, ts, shape: None if ts[0] is None else apply(SCATTER_ADD, ts[0], *ins[1:], shape=shape),
    vmap=_batched_scatter_add,
)


def _scatter_vjp(g: Tensor, o: Tensor, x: Tensor, v: Tensor, *indices: Tensor) -> tuple[Any, ...]:
    """Where an index stands twice the last one wins, and the gradient goes to it alone."""
    none = (None,) * len(indices)
    places = ops.reshape(ops.arange(indices[0].size), indices[0].shape)
    winners = apply(SCATTER, ops.zeros(x.shape[: len(indices)], dtypes.int64), places, *indices)
    won = apply(GATHER, winners, *indices) == places
    won = ops.reshape(won, (*won.shape, *(1,) * (v.ndim - won.ndim)))
    gx = apply(SCATTER, g, ops.zeros_like(v), *indices)
    return (gx, ops.where(won, apply(GATHER, g, *indices), 0), *none)


SCATTER: Prim = define(  # x with v (of the shape that gather would give) at its places
    "scatter",
    _scatter_impl,
    lambda x, v, *indices: Aval(x.shape, x.dtype),
    vjp=_scatter_vjp,
    vmap=_batched_scatter,
)


def _along(suffix: str) -> Any:
    def rule(avals: Sequence[Any], attrs: dict[str, Any]) -> str:
        rest = _LETTERS[: -attrs["axis"] - 1]
        return f"...A{rest},...B{rest}->...{suffix}{rest}"

    return rule


def _take_along(x: Any, i: Any, axis: int) -> Aval:
    if len(x.shape) != len(i.shape):
        raise ShapeError(
            f"take_along_axis: x has shape {x.shape}, indices {i.shape}; give as many dimensions"
        )
    place = len(x.shape) + axis
    rest = broadcast_shapes(x.shape[:place] + x.shape[place + 1 :], i.shape[:place] + i.shape[place + 1 :])
    return Aval((*rest[:place], i.shape[axis], *rest[place:]), x.dtype)


def _put_along(g: Any, i: Any, axis: int, n: int) -> Aval:
    shape = list(broadcast_shapes(g.shape, i.shape))
    shape[axis] = n
    return Aval(tuple(shape), g.dtype)


def _put_along_impl(xp: Any, g: Any, i: Any, axis: int, n: int) -> Any:
    out = xp.zeros(_put_along(g, i, axis, n).shape, g.dtype)
    g = xp.broadcast_to(g, broadcast_shapes(g.shape, i.shape))
    where = list(xp.ix_(*[xp.arange(size) for size in g.shape]))
    where[axis] = i
    try:
        backend.add_at(out, tuple(where), g)
    except IndexError:
        _within([i], [n])
        raise
    return out


TAKE_ALONG: Prim = define(
    "take_along_axis",
    _take_along_impl,
    _take_along,
    axes=_along("B"),
    vjp=(lambda g, o, x, i, axis: apply(ADD_ALONG, g, i, axis=axis, n=x.shape[axis]), None),
    jvp=lambda o, ins, ts, axis: None if ts[0] is None else apply(TAKE_ALONG, ts[0], ins[1], axis=axis),
)
ADD_ALONG: Prim = define(  # what take_along_axis would take from, with the operand added to zeros there
    "add_along_axis",
    _put_along_impl,
    _put_along,
    axes=lambda avals, attrs: _along("A")(avals, attrs).replace("...A", "...B", 1),
    vjp=(lambda g, o, x, i, axis, n: apply(TAKE_ALONG, g, i, axis=axis), None),
    jvp=lambda o, ins, ts, axis, n: (
        None if ts[0] is None else apply(ADD_ALONG, ts[0], ins[1], axis=axis, n=n)
    ),
)


def whole_axis(avals: Sequence[Any], attrs: dict[str, Any]) -> str:
    """The rule of one operand and result, whose dimension `axis` stays whole."""
    rest = _LETTERS[: -attrs["axis"] - 1]
    return f"...A{rest}->...A{rest}"


def _argsort(xp: Any, x: Any, axis: int, descending: bool) -> Any:
    if not descending:
        return xp.argsort(x, axis=axis, kind="stable")
    turned = xp.flip(x, axis)  # equal elements keep their order: sort the reversed, and reverse
    return x.shape[axis] - 1 - xp.flip(xp.argsort(turned, axis=axis, kind="stable"), axis)


ARGSORT: Prim = define(
    "argsort", _argsort, lambda x, axis, descending: Aval(x.shape, dtypes.int64), axes=whole_axis
)  # fmt: skip


def _arg(name: str) -> Prim:
    def infer(x: Any, axis: int, keepdims: bool) -> Aval:
        i = len(x.shape) + axis
        if x.shape[i] == 0:
            raise ShapeError(f"{name}: axis {axis} of shape {x.shape} is empty; give at least one element")
        return Aval((*x.shape[:i], *((1,) if keepdims else ()), *x.shape[i + 1 :]), dtypes.int64)

    def axes(avals: Sequence[Any], attrs: dict[str, Any]) -> str:
        rest = _LETTERS[: -attrs["axis"] - 1]
        return f"...A{rest}->...{'B' if attrs['keepdims'] else ''}{rest}"

    return define(
        name,
        lambda xp, x, axis, keepdims: getattr(xp, name)(x, axis=axis, keepdims=keepdims),
        infer,
        axes=axes,
    )


ARGMAX = _arg("argmax")
ARGMIN = _arg("argmin")


def _by_doubling(x: Tensor, axis: int) -> Tensor:
    """The running product by log2(n) shifted products: of it derivatives exist at zeros too."""
    n, step = x.shape[axis], 1
    while step < n:
        shifted = ops.narrow(x, axis, 0, n - step)
        head = ops.ones_like(ops.narrow(x, axis, 0, step))
        x, step = x * ops.concat([head, shifted], axis), step * 2
    return x


def _cumprod_vjp(g: Tensor, o: Tensor, x: Tensor, axis: int) -> Any:
    from framework.transforms.autodiff import vjp

    return vjp(lambda x: _by_doubling(x, axis), x)[1](g)


CUMSUM: Prim = define(
    "cumsum",
    lambda xp, x, axis: total(xp.cumsum, x, axis=axis),
    lambda x, axis: Aval(x.shape, x.dtype),
    axes=whole_axis,
    vjp=(lambda g, o, x, axis: ops.flip(apply(CUMSUM, ops.flip(g, axis), axis=axis), axis),),
    jvp="linear",
)
CUMPROD: Prim = define(
    "cumprod",
    lambda xp, x, axis: total(xp.cumprod, x, axis=axis),
    lambda x, axis: Aval(x.shape, x.dtype),
    axes=whole_axis,
    vjp=(_cumprod_vjp,),
)
SEARCHSORTED: Prim = define(
    "searchsorted",
    lambda xp, x, v, right: xp.searchsorted(x, v, side="right" if right else "left"),
    lambda x, v, right: Aval(v.shape, dtypes.int64),
    axes="A,...->...",
)
