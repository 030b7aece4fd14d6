"""Records of primitives that move elements and compute nothing. Axes are negative, so a batch in front
changes none.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import framework.ops as ops
from framework.core.prim import Aval, Prim, define
from framework.core.tensor import apply
from framework.errors import ShapeError
from framework.prims.elementwise import broadcast_shapes

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _reshape(x: Any, shape: tuple[int, ...]) -> Aval:
    if prod(shape) != prod(x.shape):
        raise ShapeError(f"reshape: {x.shape} has {prod(x.shape)} elements, {shape} has {prod(shape)}")
    return Aval(shape, x.dtype)


def to_front(x: Any, bdim: int) -> Any:
    """The batch dimension in front."""
    return x if bdim == 0 else ops.moveaxis(x, bdim, 0)


def batch_all(prim: Any, ins: Any, bdims: Any, attrs: dict[str, Any]) -> Any:
    """A batching rule: all operands have the batch in front, repeated where they lack it."""
    size = next(x.shape[d] for x, d in zip(ins, bdims, strict=True) if d is not None)
    xs = [
        ops.broadcast_to(x, (size, *x.shape)) if d is None else to_front(x, d)
        for x, d in zip(ins, bdims, strict=True)
    ]
    return apply(prim, *xs, **attrs), 0


def _batched_reshape(prim: Any, ins: Any, bdims: Any, attrs: dict[str, Any]) -> Any:
    x = to_front(ins[0], bdims[0])
    return ops.reshape(x, (x.shape[0], *attrs["shape"])), 0


RESHAPE = define(
    "reshape",
    lambda xp, x, shape: x.reshape(shape),
    _reshape,
    vjp=(lambda g, o, x, shape: ops.reshape(g, x.shape),),
    jvp="linear",
    vmap=_batched_reshape,
)


def _broadcast(x: Any, shape: tuple[int, ...]) -> Aval:
    if len(shape) < len(x.shape) or broadcast_shapes(x.shape, shape) != shape:
        raise ShapeError(
            f"broadcast_to: {x.shape} does not broadcast to {shape}; dimensions must be equal or 1"
        )
    return Aval(shape, x.dtype)


def _batched_broadcast(prim: Any, ins: Any, bdims: Any, attrs: dict[str, Any]) -> Any:
    x, shape = to_front(ins[0], bdims[0]), attrs["shape"]
    x = ops.reshape(x, (x.shape[0], *(1,) * (len(shape) + 1 - x.ndim), *x.shape[1:]))
    return ops.broadcast_to(x, (x.shape[0], *shape)), 0


BROADCAST = define(
    "broadcast_to",
    lambda xp, x, shape: xp.broadcast_to(x, shape),
    _broadcast,
    vjp=(lambda g, o, x, shape: ops.sum_to(g, x.shape),),
    jvp="linear",
    vmap=_batched_broadcast,
)


def _transpose_axes(avals: Sequence[Any], attrs: dict[str, Any]) -> str:
    perm = attrs["perm"]
    letters = _LETTERS[: len(perm)]
    return f"...{letters}->...{''.join(letters[p] for p in perm)}"


def _full_perm(perm: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    lead = ndim - len(perm)
    return (*range(lead), *[p + ndim for p in perm])


TRANSPOSE: Prim = (
    define(  # perm: where each of the last len(perm) dimensions comes from; those before it stay
        "transpose",
        lambda xp, x, perm: x.transpose(_full_perm(perm, x.ndim)),
        lambda x, perm: Aval(tuple([x.shape[p] for p in _full_perm(perm, len(x.shape))]), x.dtype),
        axes=_transpose_axes,
        vjp=(lambda g, o, x, perm: apply(TRANSPOSE, g, perm=inverse(perm)),),
        jvp="linear",
    )
)


def inverse(perm: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes one of negative axes."""
    n = len(perm)
    back = [0] * n
    for place, source in enumerate(perm):
        back[source + n] = place - n
    return tuple(back)


def _concat(*xs: Any, axis: int) -> Aval:
    first = xs[0]
    i = len(first.shape) + axis
    for x in xs:
        if (
            len(x.shape) != len(first.shape)
            or x.shape[:i] != first.shape[:i]
            or x.shape[i + 1 :] != first.shape[i + 1 :]
        ):
            raise ShapeError(
                f"concat: shapes {[x.shape for x in xs]} differ beside axis {axis}; make them equal there"
            )
    return Aval((*first.shape[:i], sum([x.shape[i] for x in xs]), *first.shape[i + 1 :]), first.dtype)


def _concat_vjp(g: Any, out: Any, *xs: Any, axis: int) -> tuple[Any, ...]:
    parts, start = [], 0
    for x in xs:
        parts.append(ops.narrow(g, axis, start, x.shape[axis]))
        start += x.shape[axis]
    return tuple(parts)


CONCAT = define(
    "concat",
    lambda xp, *xs, axis: xp.concatenate(xs, axis=axis),
    _concat,
    vjp=_concat_vjp,
    jvp="linear",
    vmap=batch_all,
)


def _slices(where: tuple[tuple[int, int, int], ...]) -> tuple[Any, ...]:
    """`(start, stop, step)` of the last dimensions as an index; a negative stop means none."""
    return (..., *[slice(a, b if b >= 0 else None, s) for a, b, s in where])


def _slice(x: Any, where: tuple[tuple[int, int, int], ...]) -> Aval:
    lead = len(x.shape) - len(where)
    return Aval((*x.shape[:lead], *[len(range(a, b, s)) for a, b, s in where]), x.dtype)


def _resized(avals: Sequence[Any], attrs: dict[str, Any]) -> str:
    n = len(attrs["where"])
    return f"...{_LETTERS[:n].upper()}->...{_LETTERS[n : 2 * n].upper()}"


SLICE = define(  # where: (start, stop, step) of each of the last dimensions, as range() takes them
    "slice",
    lambda xp, x, where: x[_slices(where)],
    _slice,
    axes=_resized,
    vjp=(lambda g, o, x, where: apply(UNSLICE, g, where=where, shape=x.shape[x.ndim - len(where) :]),),
    jvp="linear",
)


def _unslice(xp: Any, g: Any, where: tuple[tuple[int, int, int], ...], shape: tuple[int, ...]) -> Any:
    out = xp.zeros((*g.shape[: g.ndim - len(shape)], *shape), g.dtype)
    out[_slices(where)] = g
    return out


UNSLICE: Prim = define(  # zeros of that shape with the operand where `slice` would take it from
    "unslice",
    _unslice,
    lambda g, where, shape: Aval((*g.shape[: len(g.shape) - len(shape)], *shape), g.dtype),
    axes=_resized,
    vjp=(lambda g, o, x, where, shape: apply(SLICE, g, where=where),),
    jvp="linear",
)
