"""Records of reductions and of matrix multiplication. `axis` is a sorted tuple of negative numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import framework.ops as ops
from framework.core.prim import Aval, define
from framework.errors import ShapeError
from framework.prims.elementwise import broadcast_shapes

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def reduced(x: Any, axis: tuple[int, ...], keepdims: bool) -> Aval:
    """Without the axes, or with size 1 there."""
    gone = {a + len(x.shape) for a in axis}
    kept = [1 if i in gone else n for i, n in enumerate(x.shape) if keepdims or i not in gone]
    return Aval(tuple(kept), x.dtype)


def reduction_axes(suffix: str) -> Any:
    """The rule of a reduction over the dimensions `axis`; the suffix says of which kind."""

    def rule(avals: Sequence[Any], attrs: dict[str, Any]) -> str:
        axis = attrs["axis"]
        width = -min(axis, default=0)
        letters = _LETTERS[:width]
        kept = "".join(c for i, c in enumerate(letters) if i - width not in axis)
        return f"...{letters}->...{kept}{suffix}"

    return rule


def unreduced(g: Any, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """A result with the axes back, of size 1."""
    return g if keepdims else ops.reshape(g, reduced(x, axis, True).shape)


def total(fn: Any, x: Any, **options: Any) -> Any:
    """NumPy's sum or product, running or not, in x's dtype; of 16-bit floats in float32, rounded once."""
    if x.dtype.itemsize == 2 and x.dtype.kind not in "iu":
        return fn(x, dtype="float32", **options).astype(x.dtype)
    return fn(x, dtype=x.dtype, **options)


SUM = define(
    "sum",
    lambda xp, x, axis, keepdims: total(
        xp.add.reduce if xp is np else xp.sum, x, axis=axis, keepdims=keepdims
    ),
    reduced,
    axes=reduction_axes(""),
    vjp=(lambda g, o, x, axis, keepdims: ops.broadcast_to(unreduced(g, x, axis, keepdims), x.shape),),
    jvp="linear",
)


def _extremum_vjp(g: Any, o: Any, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """Ties share the gradient evenly, as in torch's amax."""
    chosen = ops.cast(x == unreduced(o, x, axis, keepdims), g.dtype)
    count = ops.sum(chosen, axis=axis, keepdims=True)
    return chosen * (unreduced(g, x, axis, keepdims) / count)


def _extremum(x: Any, axis: tuple[int, ...], keepdims: bool) -> Aval:
    if not all(x.shape[a] for a in axis):
        raise ShapeError(
            f"max or min over axes {axis} of shape {x.shape}: of no elements there is none; give at least one"
        )
    return reduced(x, axis, keepdims)


MAX = define(
    "max",
    lambda xp, x, axis, keepdims: xp.max(x, axis=axis, keepdims=keepdims),
    _extremum,
    axes=reduction_axes(":max"),
    vjp=(_extremum_vjp,),
)
MIN = define(
    "min",
    lambda xp, x, axis, keepdims: xp.min(x, axis=axis, keepdims=keepdims),
    _extremum,
    axes=reduction_axes(":min"),
    vjp=(_extremum_vjp,),
)


def _cofactors(x: Any, axis: tuple[int, ...]) -> Any:
    """For each element the product of all others along the axes."""
    lead = [i for i in range(-x.ndim, 0) if i not in axis]
    order = [*lead, *axis]
    moved = ops.permute_dims(x, order)
    flat = ops.reshape(moved, (*moved.shape[: len(lead)], -1))
    one = ops.ones_like(ops.narrow(flat, -1, 0, 1)) if flat.shape[-1] else flat
    n = flat.shape[-1] - 1
    before = ops.concat([one, ops.cumprod(ops.narrow(flat, -1, 0, n), -1)], -1)
    after = ops.flip(ops.concat([one, ops.cumprod(ops.flip(ops.narrow(flat, -1, 1, n), -1), -1)], -1), -1)
    back = [order.index(i) for i in range(-x.ndim, 0)]
    return ops.permute_dims(ops.reshape(before * after, moved.shape), back)


PROD = define(
    "prod",
    lambda xp, x, axis, keepdims: total(xp.prod, x, axis=axis, keepdims=keepdims),
    reduced,
    axes=reduction_axes(":prod"),
    vjp=(lambda g, o, x, axis, keepdims: unreduced(g, x, axis, keepdims) * ops.conj(_cofactors(x, axis)),),
)
ALL = define(
    "all",
    lambda xp, x, axis, keepdims: xp.all(x, axis=axis, keepdims=keepdims),
    reduced,
    axes=reduction_axes(":min"),
)
ANY = define(
    "any",
    lambda xp, x, axis, keepdims: xp.any(x, axis=axis, keepdims=keepdims),
    reduced,
    axes=reduction_axes(":max"),
)


def _matmul(x: Any, y: Any) -> Aval:
    if len(x.shape) < 2 or len(y.shape) < 2 or x.shape[-1] != y.shape[-2]:
        raise ShapeError(
            f"matmul: shapes {x.shape} and {y.shape}: the first must have as many "
            "columns as the second has rows"
        )
    return Aval((*broadcast_shapes(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-1]), x.dtype)


def _product(xp: Any, x: Any, y: Any) -> Any:
    """16-bit floats by way of float32: NumPy multiplies float16 without BLAS, and bfloat16 to float32."""
    if x.dtype.itemsize == 2 and x.dtype.kind not in "iu":
        return xp.matmul(x.astype(np.float32), y.astype(np.float32)).astype(x.dtype)
    return xp.matmul(x, y)


MATMUL = define(
    "matmul",
    _product,
    _matmul,
    axes="...ik,...kj->...ij",
    vjp=(
        lambda g, o, x, y: ops.matmul(g, ops.conj(ops.matrix_transpose(y))),
        lambda g, o, x, y: ops.matmul(ops.conj(ops.matrix_transpose(x)), g),
    ),
    jvp=lambda o, ins, ts: _product_rule(ins, ts),
)


def _product_rule(ins: Any, ts: Any) -> Any:
    parts = []
    if ts[0] is not None:
        parts.append(ops.matmul(ts[0], ins[1]))
    if ts[1] is not None:
        parts.append(ops.matmul(ins[0], ts[1]))
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]
