"""The operators that tensors have as methods and as Python's operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework import ops
from framework.core.tensor import Tensor
from framework.ops import arrange as a
from framework.ops import elementwise as e
from framework.ops import index as i
from framework.ops import reduce as r
from framework.ops import shape as s
from framework.ops.coerce import cast


def _swapped(fn: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
    return lambda x, y: fn(y, x)


def _or_none(fn: Callable[[Any, Any], Tensor], answer: bool) -> Callable[[Any, Any], Any]:
    """A comparison of which `x == None` has Python's answer."""
    return lambda x, y: answer if y is None else fn(x, y)


_BINARY = {
    "add": e.add, "sub": e.subtract, "mul": e.multiply, "truediv": e.divide, "floordiv": e.floor_divide,
    "mod": e.remainder, "pow": e.pow, "matmul": r.matmul, "and": e.bitwise_and, "or": e.bitwise_or,
    "xor": e.bitwise_xor, "lshift": e.bitwise_left_shift, "rshift": e.bitwise_right_shift,
}  # fmt: skip
_COMPARISONS = {
    "lt": e.less, "le": e.less_equal, "gt": e.greater, "ge": e.greater_equal,
    "eq": _or_none(e.equal, False), "ne": _or_none(e.not_equal, True),
}  # fmt: skip
_UNARY = {"neg": e.negative, "pos": e.positive, "abs": e.abs, "invert": e.bitwise_invert}
_METHODS = [
    e.abs, e.exp, e.log, e.sqrt, e.rsqrt, e.sin, e.cos, e.tanh, e.square, e.sign, e.pow, e.conj, e.copy,
    e.stop_gradient, e.isnan, e.isfinite, e.maximum, e.minimum, e.clip, e.round,
    a.chunk, a.diagonal, a.flatten, a.repeat, a.roll, a.split, a.tile, a.tril, a.triu, a.unstack,
    s.broadcast_to, s.expand_dims, s.moveaxis, s.squeeze, s.swapaxes,
    i.argmax, i.argmin, i.argsort, i.cumprod, i.cumsum, i.flip, i.masked_fill, i.nonzero, i.sort, i.take,
    i.take_along_axis, i.topk,
    r.sum, r.mean, r.max, r.min, r.matmul, r.all, r.any, r.prod, r.std, r.var,
]  # fmt: skip


def _reshape(x: Tensor, *shape: Any) -> Tensor:
    """`reshape(2, 3)` or `reshape((2, 3))`."""
    return s.reshape(x, shape[0] if len(shape) == 1 else shape)


def _permute(x: Tensor, *axes: Any) -> Tensor:
    """`permute(1, 0)`, `permute((1, 0))`, or all dimensions reversed."""
    given = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
    return s.permute_dims(x, given or range(x.ndim)[::-1])


def install() -> None:
    """Give Tensor its operators. Called once, when `framework.ops` is imported."""
    for name, operator in _BINARY.items():
        setattr(Tensor, f"__{name}__", operator)
        setattr(Tensor, f"__r{name}__", _swapped(operator))
    for name, method in {**_COMPARISONS, **_UNARY}.items():
        setattr(Tensor, f"__{name}__", method)
    methods: dict[str, Any] = {fn.__name__: getattr(ops, fn.__name__) for fn in _METHODS}
    methods |= {
        "reshape": _reshape,
        "permute": _permute,
        "transpose": _permute,
        "astype": cast,
        "to": cast,
        "__getitem__": i.getitem,
    }
    methods |= {"T": property(_permute), "mT": property(s.matrix_transpose)}
    for name, method in methods.items():
        setattr(Tensor, name, method)
