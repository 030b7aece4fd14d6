"""Elementwise operators. Operands broadcast and are promoted (`framework.core.dtypes` says how)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework.core import dtypes
from framework.core.prim import Prim
from framework.core.tensor import Tensor, apply, as_tensor, detach
from framework.ops.coerce import Operand, binary, binary_float, binary_number, cast, pair, unary, unary_float
from framework.prims import elementwise as p

One = Callable[[Operand], Tensor]
Two = Callable[[Operand, Operand], Tensor]


def _of_one(name: str, rule: Callable[[Prim, Operand], Tensor], prim: Prim, doc: str) -> One:
    """The operator that a primitive of one operand is."""
    operator: One = _named(lambda x: rule(prim, x), name, doc)
    return operator


def _of_two(name: str, rule: Callable[[Prim, Operand, Operand], Tensor], prim: Prim, doc: str) -> Two:
    """The operator that a primitive of two operands is."""
    operator: Two = _named(lambda x, y: rule(prim, x, y), name, doc)
    return operator


def _named(operator: Any, name: str, doc: str) -> Any:
    operator.__name__ = operator.__qualname__ = name
    operator.__doc__ = doc
    return operator


add: Two = _of_two("add", binary, p.ADD, "x + y. Array API `add`; `torch.add` without alpha.")
subtract: Two = _of_two("subtract", binary, p.SUB, "x - y. Array API `subtract`.")
multiply: Two = _of_two("multiply", binary, p.MUL, "x · y. Array API `multiply`.")
divide: Two = _of_two(
    "divide", binary_float, p.DIV, "x / y in floating point: integers become float32. Array API `divide`."
)


def pow(x: Operand, y: Operand) -> Tensor:
    """x to the power y. Array API `pow`. The derivative by x is 0 where y is, that by y where x is."""
    if y.__class__ is int and y == 2:
        t = x if x.__class__ is Tensor else as_tensor(x)
        if t.dtype.kind != "b":
            return unary(p.SQUARE, t)
    return binary_number(p.POW, x, y)


negative: One = _of_one("negative", unary, p.NEG, "-x. Array API `negative`.")
square: One = _of_one("square", unary, p.SQUARE, "x · x. Array API `square`.")
abs: One = _of_one(
    "abs", unary, p.ABS, "|x|, real of a complex x. Its derivative at 0 is 0. Array API `abs`."
)


def sign(x: Operand) -> Tensor:
    """-1, 0 or 1; x / |x| of a complex x. Array API `sign`."""
    t = as_tensor(x)
    if not dtypes.is_complex(t.dtype):
        return unary(p.SIGN, t)
    size = abs(t)
    return where(size == 0, 0, t / where(size == 0, 1, size))


sqrt: One = _of_one("sqrt", unary_float, p.SQRT, "The square root. Array API `sqrt`.")
rsqrt: One = _of_one("rsqrt", unary_float, p.RSQRT, "1 / √x. `torch.rsqrt`.")
reciprocal: One = _of_one("reciprocal", unary_float, p.RECIPROCAL, "1 / x. Array API `reciprocal`.")
exp: One = _of_one("exp", unary_float, p.EXP, "e to the x. Array API `exp`.")
expm1: One = _of_one("expm1", unary_float, p.EXPM1, "exp(x) - 1, exact near 0. Array API `expm1`.")
log: One = _of_one("log", unary_float, p.LOG, "The natural logarithm. Array API `log`.")
log1p: One = _of_one("log1p", unary_float, p.LOG1P, "log(1 + x), exact near 0. Array API `log1p`.")
log2: One = _of_one("log2", unary_float, p.LOG2, "The logarithm to base 2. Array API `log2`.")
log10: One = _of_one("log10", unary_float, p.LOG10, "The logarithm to base 10. Array API `log10`.")
sin: One = _of_one("sin", unary_float, p.SIN, "Sine. Array API `sin`.")
cos: One = _of_one("cos", unary_float, p.COS, "Cosine. Array API `cos`.")
tan: One = _of_one("tan", unary_float, p.TAN, "Tangent. Array API `tan`.")
asin: One = _of_one("asin", unary_float, p.ASIN, "Inverse sine. Array API `asin`.")
acos: One = _of_one("acos", unary_float, p.ACOS, "Inverse cosine. Array API `acos`.")
atan: One = _of_one("atan", unary_float, p.ATAN, "Inverse tangent. Array API `atan`.")
sinh: One = _of_one("sinh", unary_float, p.SINH, "Hyperbolic sine. Array API `sinh`.")
cosh: One = _of_one("cosh", unary_float, p.COSH, "Hyperbolic cosine. Array API `cosh`.")
tanh: One = _of_one("tanh", unary_float, p.TANH, "Hyperbolic tangent. Array API `tanh`.")
asinh: One = _of_one("asinh", unary_float, p.ASINH, "Inverse hyperbolic sine. Array API `asinh`.")
acosh: One = _of_one("acosh", unary_float, p.ACOSH, "Inverse hyperbolic cosine. Array API `acosh`.")
atanh: One = _of_one("atanh", unary_float, p.ATANH, "Inverse hyperbolic tangent. Array API `atanh`.")


def atan2(y: Operand, x: Operand) -> Tensor:
    """The angle of the point (x, y). Array API `atan2`."""
    return binary_float(p.ATAN2, y, x)


def hypot(x: Operand, y: Operand) -> Tensor:
    """√(x² + y²) without overflow; its derivative at (0, 0) is 0. Array API `hypot`."""
    x, y = pair(x, y)
    a, b = abs(unary_float(p.COPY, x)), abs(unary_float(p.COPY, y))
    large = maximum(a, b)
    usable = logical_and(isfinite(large), large > 0)
    scale = stop_gradient(where(usable, large, 1))
    total = square(a / scale) + square(b / scale)
    return where(usable, scale * sqrt(where(usable, total, 1)), where(isinf(a), a, where(isinf(b), b, large)))


copysign: Two = _of_two("copysign", binary_float, p.COPYSIGN, "|x| with the sign of y. Array API `copysign`.")
nextafter: Two = _of_two(
    "nextafter",
    binary_float,
    p.NEXTAFTER,
    "The next representable number from x towards y. Array API `nextafter`.",
)
signbit: One = _of_one(
    "signbit", unary, p.SIGNBIT, "Is the sign bit set (also of -0.0)? Array API `signbit`."
)


def positive(x: Operand) -> Tensor:
    """x itself. Array API `positive`."""
    return as_tensor(x)


maximum: Two = _of_two(
    "maximum",
    binary,
    p.MAXIMUM,
    "The larger of each pair; NaN if either is. Ties halve the gradient. Array API `maximum`.",
)
minimum: Two = _of_two(
    "minimum",
    binary,
    p.MINIMUM,
    "The smaller of each pair; NaN if either is. Ties halve the gradient. Array API `minimum`.",
)


def clip(x: Operand, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """x, but not below min nor above max. At a bound all gradient is x's. Array API `clip`."""
    t = as_tensor(x)
    if min is not None:
        t = where(t < min, min, t)
    return t if max is None else where(t > max, max, t)


floor: One = _of_one(
    "floor", unary, p.FLOOR, "The largest integer not above x, in x's dtype. Array API `floor`."
)
ceil: One = _of_one(
    "ceil", unary, p.CEIL, "The smallest integer not below x, in x's dtype. Array API `ceil`."
)
round: One = _of_one(
    "round", unary, p.ROUND, "The nearest integer, halves to even, in x's dtype. Array API `round`."
)
trunc: One = _of_one("trunc", unary, p.TRUNC, "The integer part, in x's dtype. Array API `trunc`.")
floor_divide: Two = _of_two(
    "floor_divide", binary_number, p.FLOOR_DIVIDE, "x / y rounded down. Array API `floor_divide`."
)
remainder: Two = _of_two(
    "remainder",
    binary_number,
    p.REMAINDER,
    "What floor_divide leaves: has the sign of y. Array API `remainder`.",
)
equal: Two = _of_two("equal", binary, p.EQUAL, "x == y, bool. Array API `equal`.")
not_equal: Two = _of_two("not_equal", binary, p.NOT_EQUAL, "x != y, bool. Array API `not_equal`.")
less: Two = _of_two("less", binary, p.LESS, "x < y, bool. Array API `less`.")
less_equal: Two = _of_two("less_equal", binary, p.LESS_EQUAL, "x <= y, bool. Array API `less_equal`.")
greater: Two = _of_two("greater", binary, p.GREATER, "x > y, bool. Array API `greater`.")
greater_equal: Two = _of_two(
    "greater_equal", binary, p.GREATER_EQUAL, "x >= y, bool. Array API `greater_equal`."
)
bitwise_and: Two = _of_two(
    "bitwise_and", binary, p.AND, "x & y of integers or bools. Array API `bitwise_and`."
)
bitwise_or: Two = _of_two("bitwise_or", binary, p.OR, "x | y of integers or bools. Array API `bitwise_or`.")
bitwise_xor: Two = _of_two(
    "bitwise_xor", binary, p.XOR, "x ^ y of integers or bools. Array API `bitwise_xor`."
)
bitwise_invert: One = _of_one(
    "bitwise_invert", unary, p.INVERT, "~x of integers or bools. Array API `bitwise_invert`."
)
bitwise_left_shift: Two = _of_two(
    "bitwise_left_shift",
    binary_number,
    p.LEFT_SHIFT,
    "x shifted left by y bits. Array API `bitwise_left_shift`.",
)
bitwise_right_shift: Two = _of_two(
    "bitwise_right_shift",
    binary_number,
    p.RIGHT_SHIFT,
    "x shifted right by y bits, keeping the sign. Array API `bitwise_right_shift`.",
)


def logical_not(x: Operand) -> Tensor:
    """Is x zero? Array API `logical_not`."""
    return unary(p.INVERT, cast(x, dtypes.bool_))


def logical_and(x: Operand, y: Operand) -> Tensor:
    """Are both non-zero? Array API `logical_and`."""
    return binary(p.AND, cast(x, dtypes.bool_), cast(y, dtypes.bool_))


def logical_or(x: Operand, y: Operand) -> Tensor:
    """Is either non-zero? Array API `logical_or`."""
    return binary(p.OR, cast(x, dtypes.bool_), cast(y, dtypes.bool_))


def logical_xor(x: Operand, y: Operand) -> Tensor:
    """Is exactly one non-zero? Array API `logical_xor`."""
    return binary(p.XOR, cast(x, dtypes.bool_), cast(y, dtypes.bool_))


isnan: One = _of_one("isnan", unary, p.ISNAN, "Is it NaN? Array API `isnan`.")
isfinite: One = _of_one(
    "isfinite", unary, p.ISFINITE, "Is it neither infinite nor NaN? Array API `isfinite`."
)


def isinf(x: Operand) -> Tensor:
    """Is it infinite, or one of its parts? Array API `isinf`."""
    t = as_tensor(x)
    if dtypes.is_complex(t.dtype):
        return logical_or(isinf(real(t)), isinf(imag(t)))
    return logical_not(logical_or(isfinite(t), isnan(t)))


def where(condition: Operand, x: Operand, y: Operand) -> Tensor:
    """x where the condition holds, else y. Array API `where`. No gradient passes to what was not chosen."""
    x, y = pair(x, y)
    result: Tensor = apply(p.WHERE, cast(condition, dtypes.bool_), x, y)
    return result


def conj(x: Operand) -> Tensor:
    """The complex conjugate; x itself where it is real. Array API `conj`."""
    if x.__class__ is not Tensor:
        x = as_tensor(x)
    value = x.value  # most are real, and rules ask for every one
    result: Tensor = x if (x if value is None else value).dtype.kind != "c" else apply(p.CONJ, x)
    return result


def real(x: Operand) -> Tensor:
    """The real part; x itself where it is real. Array API `real`."""
    if x.__class__ is not Tensor:
        x = as_tensor(x)
    return unary(p.REAL, x) if x.dtype.kind == "c" else x


imag: One = _of_one("imag", unary, p.IMAG, "The imaginary part of a complex x. Array API `imag`.")


def stop_gradient(x: Operand) -> Tensor:
    """x, of which no gradient is taken: a constant to every derivative. `torch.Tensor.detach`."""
    t = as_tensor(x)
    return detach(t) if t.value is not None else unary(p.STOP_GRADIENT, t)


copy: One = _of_one("copy", unary, p.COPY, "x in memory of its own, with its gradient. `torch.clone`.")
