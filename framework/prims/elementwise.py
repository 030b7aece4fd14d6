"""Records of elementwise primitives. Operands have one dtype (public operators cast them) and broadcast.

Rules give the derivative that torch gives where there is a choice: at ties, at kinks, of complex functions
(the cotangent times the conjugate of the derivative).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import framework.ops as ops
from framework.core import dtypes
from framework.core.prim import Aval, Prim, define
from framework.errors import DTypeError, ShapeError


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The common shape of operands; ShapeError quoting all of them where there is none."""
    rank = max(map(len, shapes), default=0)
    out = [1] * rank
    for shape in shapes:
        for i, n in enumerate(shape, rank - len(shape)):
            if n != 1 and out[i] not in (1, n):
                raise ShapeError(
                    f"shapes {' and '.join(map(str, shapes))} do not broadcast: dimension {i - rank} is "
                    f"{out[i]} and {n}; make them equal, or one of them 1"
                )
            out[i] = n if out[i] == 1 else out[i]
    return tuple(out)


def same(*avals: Any) -> Aval:
    """Broadcast shape, the operands' dtype."""
    return Aval(broadcast_shapes(*[a.shape for a in avals]), avals[0].dtype)


def boolean(*avals: Any) -> Aval:
    """Broadcast shape, bool."""
    return Aval(broadcast_shapes(*[a.shape for a in avals]), dtypes.bool_)


def real(x: Any) -> Aval:
    """The real dtype of a complex operand."""
    return Aval(x.shape, dtypes.real_of(x.dtype))


def _inexact(*avals: Any) -> Aval:
    if not dtypes.is_inexact(avals[0].dtype):
        raise DTypeError(f"this primitive needs floating point, not {avals[0].dtype.name}: cast first")
    return same(*avals)


def _whole(*avals: Any) -> Aval:
    if dtypes.is_inexact(avals[0].dtype):
        raise DTypeError(f"bits of {avals[0].dtype.name}: integers or bools are needed: cast first")
    return same(*avals)


def _ordered(*avals: Any) -> Aval:
    if dtypes.is_complex(avals[0].dtype):
        raise DTypeError(f"{avals[0].dtype.name} has neither order nor sign: take real, imag or abs first")
    return same(*avals)


def ordered_inexact(*avals: Any) -> Aval:
    """Broadcast shape, floating point that has an order."""
    _ordered(*avals)
    return _inexact(*avals)


def _numbers(*avals: Any) -> Aval:
    if avals[0].dtype == dtypes.bool_:
        raise DTypeError("bools are no numbers: use logical_not or logical_xor, or cast first")
    return same(*avals)


def _sign_of(x: Any) -> Aval:
    return boolean(_ordered(x))


def _integers(*avals: Any) -> Aval:
    if not dtypes.is_integer(avals[0].dtype):
        raise DTypeError(f"a shift of {avals[0].dtype.name}: integers are needed: cast first")
    return same(*avals)


def unary(
    name: str, impl: Callable[..., Any], vjp: Any, emit: Any = None, infer: Any = same, **more: Any
) -> Prim:
    """A record of one operand."""
    rules = None if vjp is None else (vjp,)
    return define(
        name, impl, infer, axes="...->...", vjp=rules, jvp="diagonal" if vjp else None, emit=emit, **more
    )


def binary(name: str, impl: Callable[..., Any], vjp: Any, emit: Any = None, infer: Any = same) -> Prim:
    """A record of two operands."""
    return define(
        name, impl, infer, axes="...,...->...", vjp=vjp, jvp="diagonal" if vjp else None, emit=emit
    )  # fmt: skip


# Arithmetic.
ADD = binary("add", lambda xp, x, y: xp.add(x, y), (lambda g, o, x, y: g, lambda g, o, x, y: g), "{0} + {1}")
SUB = binary(
    "sub",
    lambda xp, x, y: xp.subtract(x, y),
    (lambda g, o, x, y: g, lambda g, o, x, y: -g),
    "{0} - {1}",
    _numbers,
)
MUL = binary(
    "mul",
    lambda xp, x, y: xp.multiply(x, y),
    (lambda g, o, x, y: g * ops.conj(y), lambda g, o, x, y: g * ops.conj(x)),
    "{0} * {1}",
)
DIV = binary(
    "div",
    lambda xp, x, y: xp.divide(x, y),
    (lambda g, o, x, y: g / ops.conj(y), lambda g, o, x, y: -g * ops.conj(o / y)),
    "{0} / {1}",
    _inexact,
)
POW = binary(
    "pow",
    lambda xp, x, y: xp.power(x, y),
    (
        lambda g, o, x, y: g * ops.conj(ops.where(y == 0, 0, y * ops.pow(x, ops.where(y == 0, 1, y - 1)))),
        lambda g, o, x, y: g * ops.conj(ops.where(x == 0, 0, o * ops.log(ops.where(x == 0, 1, x)))),
    ),
)
NEG = unary("neg", lambda xp, x: xp.negative(x), lambda g, o, x: -g, "-{0}", _numbers)
SQUARE = unary("square", lambda xp, x: xp.multiply(x, x), lambda g, o, x: g * ops.conj(x + x), "{0} * {0}")
ABS = unary("abs", lambda xp, x: xp.abs(x), lambda g, o, x: g * ops.sign(x), infer=real)
SIGN = unary("sign", lambda xp, x: xp.sign(x), None, infer=_numbers)
SQRT = unary("sqrt", lambda xp, x: xp.sqrt(x), lambda g, o, x: g / ops.conj(o + o), infer=_inexact)
RSQRT = unary(
    "rsqrt", lambda xp, x: 1 / xp.sqrt(x), lambda g, o, x: g * ops.conj(o / (x * -2)), infer=_inexact
)
RECIPROCAL = unary(
    "reciprocal", lambda xp, x: xp.reciprocal(x), lambda g, o, x: -g * ops.conj(o * o), "1 / {0}", _inexact
)


def _halved(g: Any, chosen: Any, tie: Any) -> Any:
    """The cotangent where chosen, half of it at ties."""
    return ops.where(tie, g * 0.5, ops.where(chosen, g, 0))


MAXIMUM = binary(
    "maximum",
    lambda xp, x, y: xp.maximum(x, y),
    (lambda g, o, x, y: _halved(g, x > y, x == y), lambda g, o, x, y: _halved(g, y > x, x == y)),
)
MINIMUM = binary(
    "minimum",
    lambda xp, x, y: xp.minimum(x, y),
    (lambda g, o, x, y: _halved(g, x < y, x == y), lambda g, o, x, y: _halved(g, y < x, x == y)),
)

# Exponentials and logarithms.
EXP = unary("exp", lambda xp, x: xp.exp(x), lambda g, o, x: g * ops.conj(o), infer=_inexact)
EXPM1 = unary("expm1", lambda xp, x: xp.expm1(x), lambda g, o, x: g * ops.conj(o + 1), infer=_inexact)
LOG = unary("log", lambda xp, x: xp.log(x), lambda g, o, x: g / ops.conj(x), infer=_inexact)
LOG1P = unary("log1p", lambda xp, x: xp.log1p(x), lambda g, o, x: g / ops.conj(x + 1), infer=_inexact)
LOG2 = unary(
    "log2", lambda xp, x: xp.log2(x), lambda g, o, x: g / ops.conj(x * float(np.log(2))), infer=_inexact
)
LOG10 = unary(
    "log10", lambda xp, x: xp.log10(x), lambda g, o, x: g / ops.conj(x * float(np.log(10))), infer=_inexact
)


# Trigonometry and its hyperbolic kin.
SIN = unary("sin", lambda xp, x: xp.sin(x), lambda g, o, x: g * ops.conj(ops.cos(x)), infer=_inexact)
COS = unary("cos", lambda xp, x: xp.cos(x), lambda g, o, x: -g * ops.conj(ops.sin(x)), infer=_inexact)
TAN = unary("tan", lambda xp, x: xp.tan(x), lambda g, o, x: g * ops.conj(o * o + 1), infer=_inexact)
ASIN = unary(
    "asin", lambda xp, x: xp.arcsin(x), lambda g, o, x: g * ops.conj(ops.rsqrt(1 - x * x)), infer=_inexact
)
ACOS = unary(
    "acos", lambda xp, x: xp.arccos(x), lambda g, o, x: -g * ops.conj(ops.rsqrt(1 - x * x)), infer=_inexact
)
ATAN = unary("atan", lambda xp, x: xp.arctan(x), lambda g, o, x: g / ops.conj(x * x + 1), infer=_inexact)
SINH = unary("sinh", lambda xp, x: xp.sinh(x), lambda g, o, x: g * ops.conj(ops.cosh(x)), infer=_inexact)
COSH = unary("cosh", lambda xp, x: xp.cosh(x), lambda g, o, x: g * ops.conj(ops.sinh(x)), infer=_inexact)
TANH = unary("tanh", lambda xp, x: xp.tanh(x), lambda g, o, x: g * ops.conj(1 - o * o), infer=_inexact)
ASINH = unary(
    "asinh", lambda xp, x: xp.arcsinh(x), lambda g, o, x: g * ops.conj(ops.rsqrt(x * x + 1)), infer=_inexact
)
ACOSH = unary(
    "acosh",
    lambda xp, x: xp.arccosh(x),
    lambda g, o, x: g * ops.conj(ops.rsqrt(x - 1) * ops.rsqrt(x + 1)),
    infer=_inexact,
)
ATANH = unary("atanh", lambda xp, x: xp.arctanh(x), lambda g, o, x: g / ops.conj(1 - x * x), infer=_inexact)
ATAN2 = binary(
    "atan2",
    lambda xp, y, x: xp.arctan2(y, x),
    (lambda g, o, y, x: g * x / (x * x + y * y), lambda g, o, y, x: -g * y / (x * x + y * y)),
    infer=ordered_inexact,
)

# Rounding, division with remainder: no gradient but where it is certain.
FLOOR = unary("floor", lambda xp, x: xp.floor(x), None, infer=_ordered)
CEIL = unary("ceil", lambda xp, x: xp.ceil(x), None, infer=_ordered)
ROUND = unary("round", lambda xp, x: x if x.dtype.kind in "iub" else xp.rint(x), None)
TRUNC = unary("trunc", lambda xp, x: xp.trunc(x), None, infer=_ordered)
FLOOR_DIVIDE = binary("floor_divide", lambda xp, x, y: xp.floor_divide(x, y), None, infer=_ordered)
REMAINDER = binary(
    "remainder",
    lambda xp, x, y: xp.remainder(x, y),
    (lambda g, o, x, y: g, lambda g, o, x, y: -g * ops.floor_divide(x, y)),
    infer=_ordered,
)

COPYSIGN = binary(
    "copysign",
    lambda xp, x, y: xp.copysign(x, y),
    (lambda g, o, x, y: ops.where(ops.signbit(x) == ops.signbit(y), g, -g) * ops.where(x == 0, 0, 1), None),
    infer=ordered_inexact,
)
NEXTAFTER = binary("nextafter", lambda xp, x, y: xp.nextafter(x, y), None, infer=ordered_inexact)
SIGNBIT = unary("signbit", lambda xp, x: xp.signbit(x), None, infer=_sign_of)

# Comparison and logic.
EQUAL = binary("equal", lambda xp, x, y: xp.equal(x, y), None, "{0} == {1}", boolean)
NOT_EQUAL = binary("not_equal", lambda xp, x, y: xp.not_equal(x, y), None, "{0} != {1}", boolean)
LESS = binary("less", lambda xp, x, y: xp.less(x, y), None, "{0} < {1}", boolean)
LESS_EQUAL = binary("less_equal", lambda xp, x, y: xp.less_equal(x, y), None, "{0} <= {1}", boolean)
GREATER = binary("greater", lambda xp, x, y: xp.greater(x, y), None, "{0} > {1}", boolean)
GREATER_EQUAL = binary("greater_equal", lambda xp, x, y: xp.greater_equal(x, y), None, "{0} >= {1}", boolean)
AND = binary("bitwise_and", lambda xp, x, y: xp.bitwise_and(x, y), None, "{0} & {1}", _whole)
OR = binary("bitwise_or", lambda xp, x, y: xp.bitwise_or(x, y), None, "{0} | {1}", _whole)
XOR = binary("bitwise_xor", lambda xp, x, y: xp.bitwise_xor(x, y), None, "{0} ^ {1}", _whole)
INVERT = unary("bitwise_invert", lambda xp, x: xp.invert(x), None, infer=_whole)
LEFT_SHIFT = binary("bitwise_left_shift", lambda xp, x, y: xp.left_shift(x, y), None, infer=_integers)
RIGHT_SHIFT = binary("bitwise_right_shift", lambda xp, x, y: xp.right_shift(x, y), None, infer=_integers)
ISNAN = unary("isnan", lambda xp, x: xp.isnan(x), None, infer=boolean)
ISFINITE = unary("isfinite", lambda xp, x: xp.isfinite(x), None, infer=boolean)


def _where(c: Any, x: Any, y: Any) -> Aval:
    return Aval(broadcast_shapes(c.shape, x.shape, y.shape), x.dtype)


WHERE = define(
    "where",
    lambda xp, c, x, y: xp.where(c, x, y),
    _where,
    axes="...,...,...->...",
    vjp=(None, lambda g, o, c, x, y: ops.where(c, g, 0), lambda g, o, c, x, y: ops.where(c, 0, g)),
    jvp="diagonal",
    emit="{0} ? {1} : {2}",
)

# Kinds of number.
CAST = define(
    "cast",
    lambda xp, x, dtype: (xp.real(x) if x.dtype.kind == "c" and dtype.kind != "c" else x).astype(dtype),
    lambda x, dtype: Aval(x.shape, dtype),
    axes="...->...",
    vjp=(lambda g, o, x, dtype: ops.cast(g, x.dtype) if dtypes.is_inexact(x.dtype) else None,),
    jvp=lambda o, ins, ts, dtype: ops.cast(ts[0], dtype) if dtypes.is_inexact(dtype) else None,
)
CONJ = unary("conj", lambda xp, x: xp.conj(x), lambda g, o, x: ops.conj(g))
REAL = define(
    "real",
    lambda xp, x: xp.real(x),
    real,
    axes="...->...",
    vjp=(lambda g, o, x: ops.cast(g, x.dtype),),
    jvp="linear",
)
IMAG = define(
    "imag", lambda xp, x: xp.imag(x), real, axes="...->...",
    vjp=(lambda g, o, x: ops.cast(g, x.dtype) * 1j,), jvp="linear",
)  # fmt: skip
STOP_GRADIENT = unary("stop_gradient", lambda xp, x: x, None, "{0}")
COPY = unary("copy", lambda xp, x: x.copy(), lambda g, o, x: g, "{0}")
