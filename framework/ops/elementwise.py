"""Elementwise operators. Operands broadcast and are promoted (`framework.core.dtypes` says how)."""

from __future__ import annotations

from framework.core import dtypes
from framework.core.tensor import Tensor, apply, as_tensor, detach
from framework.ops.coerce import Operand, binary, binary_float, cast, pair, unary, unary_float
from framework.prims import elementwise as p


def add(x: Operand, y: Operand) -> Tensor:
    """x + y. Array API `add`; `torch.add` without alpha."""
    return binary(p.ADD, x, y)


def subtract(x: Operand, y: Operand) -> Tensor:
    """x - y. Array API `subtract`."""
    return binary(p.SUB, x, y)


def multiply(x: Operand, y: Operand) -> Tensor:
    """x · y. Array API `multiply`."""
    return binary(p.MUL, x, y)


def divide(x: Operand, y: Operand) -> Tensor:
    """x / y in floating point: integers become float32. Array API `divide`."""
    return binary_float(p.DIV, x, y)


def pow(x: Operand, y: Operand) -> Tensor:
    """x to the power y. Array API `pow`. The derivative by x is 0 where y is, that by y where x is."""
    if y.__class__ is int and y == 2:
        return unary(p.SQUARE, x)
    return binary(p.POW, x, y)


def negative(x: Operand) -> Tensor:
    """-x. Array API `negative`."""
    return unary(p.NEG, x)


def square(x: Operand) -> Tensor:
    """x · x. Array API `square`."""
    return unary(p.SQUARE, x)


def abs(x: Operand) -> Tensor:
    """|x|, real of a complex x. Its derivative at 0 is 0. Array API `abs`."""
    return unary(p.ABS, x)


def sign(x: Operand) -> Tensor:
    """-1, 0 or 1; x / |x| of a complex x. Array API `sign`."""
    t = as_tensor(x)
    if not dtypes.is_complex(t.dtype):
        return unary(p.SIGN, t)
    size = abs(t)
    return where(size == 0, 0, t / where(size == 0, 1, size))


def sqrt(x: Operand) -> Tensor:
    """The square root. Array API `sqrt`."""
    return unary_float(p.SQRT, x)


def rsqrt(x: Operand) -> Tensor:
    """1 / √x. `torch.rsqrt`."""
    return unary_float(p.RSQRT, x)


def reciprocal(x: Operand) -> Tensor:
    """1 / x. Array API `reciprocal`."""
    return unary_float(p.RECIPROCAL, x)


def exp(x: Operand) -> Tensor:
    """e to the x. Array API `exp`."""
    return unary_float(p.EXP, x)


def expm1(x: Operand) -> Tensor:
    """exp(x) - 1, exact near 0. Array API `expm1`."""
    return unary_float(p.EXPM1, x)


def log(x: Operand) -> Tensor:
    """The natural logarithm. Array API `log`."""
    return unary_float(p.LOG, x)


def log1p(x: Operand) -> Tensor:
    """log(1 + x), exact near 0. Array API `log1p`."""
    return unary_float(p.LOG1P, x)


def log2(x: Operand) -> Tensor:
    """The logarithm to base 2. Array API `log2`."""
    return unary_float(p.LOG2, x)


def log10(x: Operand) -> Tensor:
    """The logarithm to base 10. Array API `log10`."""
    return unary_float(p.LOG10, x)


def sin(x: Operand) -> Tensor:
    """Sine. Array API `sin`."""
    return unary_float(p.SIN, x)


def cos(x: Operand) -> Tensor:
    """Cosine. Array API `cos`."""
    return unary_float(p.COS, x)


def tan(x: Operand) -> Tensor:
    """Tangent. Array API `tan`."""
    return unary_float(p.TAN, x)


def asin(x: Operand) -> Tensor:
    """Inverse sine. Array API `asin`."""
    return unary_float(p.ASIN, x)


def acos(x: Operand) -> Tensor:
    """Inverse cosine. Array API `acos`."""
    return unary_float(p.ACOS, x)


def atan(x: Operand) -> Tensor:
    """Inverse tangent. Array API `atan`."""
    return unary_float(p.ATAN, x)


def sinh(x: Operand) -> Tensor:
    """Hyperbolic sine. Array API `sinh`."""
    return unary_float(p.SINH, x)


def cosh(x: Operand) -> Tensor:
    """Hyperbolic cosine. Array API `cosh`."""
    return unary_float(p.COSH, x)


def tanh(x: Operand) -> Tensor:
    """Hyperbolic tangent. Array API `tanh`."""
    return unary_float(p.TANH, x)


def asinh(x: Operand) -> Tensor:
    """Inverse hyperbolic sine. Array API `asinh`."""
    return unary_float(p.ASINH, x)


def acosh(x: Operand) -> Tensor:
    """Inverse hyperbolic cosine. Array API `acosh`."""
    return unary_float(p.ACOSH, x)


def atanh(x: Operand) -> Tensor:
    """Inverse hyperbolic tangent. Array API `atanh`."""
    return unary_float(p.ATANH, x)


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


def copysign(x: Operand, y: Operand) -> Tensor:
    """|x| with the sign of y. Array API `copysign`."""
    return binary_float(p.COPYSIGN, x, y)


def nextafter(x: Operand, y: Operand) -> Tensor:
    """The next representable number from x towards y. Array API `nextafter`."""
    return binary_float(p.NEXTAFTER, x, y)


def signbit(x: Operand) -> Tensor:
    """Is the sign bit set (also of -0.0)? Array API `signbit`."""
    return unary(p.SIGNBIT, x)


def positive(x: Operand) -> Tensor:
    """x itself. Array API `positive`."""
    return as_tensor(x)


def maximum(x: Operand, y: Operand) -> Tensor:
    """The larger of each pair; NaN if either is. Ties halve the gradient. Array API `maximum`."""
    return binary(p.MAXIMUM, x, y)


def minimum(x: Operand, y: Operand) -> Tensor:
    """The smaller of each pair; NaN if either is. Ties halve the gradient. Array API `minimum`."""
    return binary(p.MINIMUM, x, y)


def clip(x: Operand, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """x, but not below min nor above max. At a bound all gradient is x's. Array API `clip`."""
    t = as_tensor(x)
    if min is not None:
        t = where(t < min, min, t)
    return t if max is None else where(t > max, max, t)


def floor(x: Operand) -> Tensor:
    """The largest integer not above x, in x's dtype. Array API `floor`."""
    return unary(p.FLOOR, x)


def ceil(x: Operand) -> Tensor:
    """The smallest integer not below x, in x's dtype. Array API `ceil`."""
    return unary(p.CEIL, x)


def round(x: Operand) -> Tensor:
    """The nearest integer, halves to even, in x's dtype. Array API `round`."""
    return unary(p.ROUND, x)


def trunc(x: Operand) -> Tensor:
    """The integer part, in x's dtype. Array API `trunc`."""
    return unary(p.TRUNC, x)


def floor_divide(x: Operand, y: Operand) -> Tensor:
    """x / y rounded down. Array API `floor_divide`."""
    return binary(p.FLOOR_DIVIDE, x, y)


def remainder(x: Operand, y: Operand) -> Tensor:
    """What floor_divide leaves: has the sign of y. Array API `remainder`."""
    return binary(p.REMAINDER, x, y)


def equal(x: Operand, y: Operand) -> Tensor:
    """x == y, bool. Array API `equal`."""
    return binary(p.EQUAL, x, y)


def not_equal(x: Operand, y: Operand) -> Tensor:
    """x != y, bool. Array API `not_equal`."""
    return binary(p.NOT_EQUAL, x, y)


def less(x: Operand, y: Operand) -> Tensor:
    """x < y, bool. Array API `less`."""
    return binary(p.LESS, x, y)


def less_equal(x: Operand, y: Operand) -> Tensor:
    """x <= y, bool. Array API `less_equal`."""
    return binary(p.LESS_EQUAL, x, y)


def greater(x: Operand, y: Operand) -> Tensor:
    """x > y, bool. Array API `greater`."""
    return binary(p.GREATER, x, y)


def greater_equal(x: Operand, y: Operand) -> Tensor:
    """x >= y, bool. Array API `greater_equal`."""
    return binary(p.GREATER_EQUAL, x, y)


def bitwise_and(x: Operand, y: Operand) -> Tensor:
    """x & y of integers or bools. Array API `bitwise_and`."""
    return binary(p.AND, x, y)


def bitwise_or(x: Operand, y: Operand) -> Tensor:
    """x | y of integers or bools. Array API `bitwise_or`."""
    return binary(p.OR, x, y)


def bitwise_xor(x: Operand, y: Operand) -> Tensor:
    """x ^ y of integers or bools. Array API `bitwise_xor`."""
    return binary(p.XOR, x, y)


def bitwise_invert(x: Operand) -> Tensor:
    """~x of integers or bools. Array API `bitwise_invert`."""
    return unary(p.INVERT, x)


def bitwise_left_shift(x: Operand, y: Operand) -> Tensor:
    """x shifted left by y bits. Array API `bitwise_left_shift`."""
    return binary(p.LEFT_SHIFT, x, y)


def bitwise_right_shift(x: Operand, y: Operand) -> Tensor:
    """x shifted right by y bits, keeping the sign. Array API `bitwise_right_shift`."""
    return binary(p.RIGHT_SHIFT, x, y)


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


def isnan(x: Operand) -> Tensor:
    """Is it NaN? Array API `isnan`."""
    return unary(p.ISNAN, x)


def isfinite(x: Operand) -> Tensor:
    """Is it neither infinite nor NaN? Array API `isfinite`."""
    return unary(p.ISFINITE, x)


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


def imag(x: Operand) -> Tensor:
    """The imaginary part of a complex x. Array API `imag`."""
    return unary(p.IMAG, x)


def stop_gradient(x: Operand) -> Tensor:
    """x, of which no gradient is taken: a constant to every derivative. `torch.Tensor.detach`."""
    t = as_tensor(x)
    return detach(t) if t.value is not None else unary(p.STOP_GRADIENT, t)


def copy(x: Operand) -> Tensor:
    """x in memory of its own, with its gradient. `torch.clone`."""
    return unary(p.COPY, x)
