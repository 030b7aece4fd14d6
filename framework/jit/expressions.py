"""Elementwise primitives as C: a record's own `emit` where it has one, this table where the C depends on the
dtype."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.core.prim import Prim

C_TYPE = {
    "float32": "float", "float64": "double", "bool": "uint8_t",
    "int8": "int8_t", "int16": "int16_t", "int32": "int32_t", "int64": "int64_t",
    "uint8": "uint8_t", "uint16": "uint16_t", "uint32": "uint32_t", "uint64": "uint64_t",
}  # fmt: skip
# And of what is moved about but not computed with.
STORED_AS = {**C_TYPE, "float16": "uint16_t", "bfloat16": "uint16_t", "complex64": "uint64_t"}
STORED_AS["complex128"] = "_Complex double"
HALF = {"float16": "half", "bfloat16": "brain"}  # 16-bit floats, and what half.h calls them

# By name: for float (with f for functions of floats), for integers and bool; None: call the implementation.
_FLOAT = {
    "exp": "fast_exp({0})", "log": "fast_log({0})", "tanh": "fast_tanh({0})", "erf": "fast_erf({0})",
    "sigmoid": "fast_sigmoid({0})",
}  # fmt: skip
_SCALAR = (  # for which compilers call the C library, element by element
    "expm1", "log1p", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh",
    "acosh", "atanh", "atan2", "pow", "softplus",
)  # fmt: skip
_LIBRARY = (*_SCALAR, "exp", "log", "tanh", "floor", "ceil", "trunc", "erf", "sqrt")
_REAL = {
    **{name: f"{name}@({{0}})" for name in _LIBRARY},
    "atan2": "atan2@({0}, {1})",
    "pow": "pow@({0}, {1})",
    "round": "rint@({0})",
    "rsqrt": "1 / sqrt@({0})",
    "relu": "({0} > 0 || {0} != {0}) ? {0} : 0",
    "softplus": "({0} > 0 ? {0} : 0) + log1p@(exp@(-fabs@({0})))",
    "sigmoid": "1 / (1 + exp@(-{0}))",
    "abs": "fabs@({0})",
    "sign": "{0} != {0} ? {0} : ({0} > 0) - ({0} < 0)",
    "maximum": "({0} > {1} || {0} != {0}) ? {0} : {1}",
    "minimum": "({0} < {1} || {0} != {0}) ? {0} : {1}",
    "isnan": "{0} != {0}",
    "isfinite": "fabs@({0}) <= (sizeof({0}) == 4 ? 0x1.fffffep127 : 0x1.fffffffffffffp1023)",
}
_WHOLE = {
    "abs": "{0} < 0 ? -{0} : {0}",
    "sign": "({0} > 0) - ({0} < 0)",
    "maximum": "{0} > {1} ? {0} : {1}",
    "minimum": "{0} < {1} ? {0} : {1}",
    "isnan": "0",
    "isfinite": "1",
    "bitwise_invert": "~{0}",
    "relu": "{0} > 0 ? {0} : 0",
    # NumPy's, also for as many bits as there are (#) and more, which C leaves open.
    "bitwise_left_shift": "({1} >= 0 && {1} < #) ? (uint64_t){0} << {1} : 0",
    "bitwise_right_shift": "({1} >= 0 && {1} < #) ? {0} >> {1} : -({0} < 0)",
    **dict.fromkeys(("floor", "ceil", "trunc", "round"), "{0}"),
}
_LOGICAL = {"bitwise_invert": "!{0}", "add": "{0} | {1}", "mul": "{0} & {1}", "maximum": "{0} | {1}"}
_SIGNED_OVERFLOW = {"add": "+", "sub": "-", "mul": "*"}  # defined in NumPy: it wraps around

_DEAR = {
    "exp": 9,
    "log": 12,
    "tanh": 16,
    "erf": 16,
    "sigmoid": 12,
    "div": 3,
    "sqrt": 3,
    "rsqrt": 5,
    "reciprocal": 3,
    **dict.fromkeys(_SCALAR, 60),
}
_CHEAP = 1


def code_of(prim: Prim, ins: list[np.dtype[Any]], out: np.dtype[Any]) -> str | None:
    """The C expression of {0}, {1}, … for operands of these dtypes; None where there is none."""
    if prim.name == "cast" and ins[0].name in HALF and out == np.float32:
        return f"{HALF[ins[0].name]}_to_float({{0}})"
    if prim.name == "cast" and ins[0] == np.float32 and out.name in HALF:
        return f"float_to_{HALF[out.name]}({{0}})"
    if any(dtype.name not in C_TYPE for dtype in (*ins, out)):
        return None
    if prim.name == "cast":
        return _cast(ins[0], out)
    kind = ins[-1].kind
    if kind == "b" and prim.name in _LOGICAL:
        return _LOGICAL[prim.name]
    if kind == "f":
        found = _FLOAT.get(prim.name) if ins[-1].itemsize == 4 else None
        found = found or _REAL.get(prim.name)
        if found:
            return found.replace("@", "f" if ins[-1].itemsize == 4 else "")
    elif prim.name in _WHOLE:
        return _WHOLE[prim.name].replace("#", str(8 * out.itemsize))
    elif prim.name in _SIGNED_OVERFLOW and kind in "iu":
        unsigned = f"uint{max(32, 8 * out.itemsize)}_t"
        return f"({unsigned}){{0}} {_SIGNED_OVERFLOW[prim.name]} ({unsigned}){{1}}"
    return prim.emit if isinstance(prim.emit, str) else None


def _cast(source: np.dtype[Any], target: np.dtype[Any]) -> str | None:
    if target.kind == "b":
        return "{0} != 0"
    if source.kind == "f" and target.kind in "iu":
        return (
            "({0})" if target.itemsize >= 4 and target.kind == "i" else None
        )  # out of range: as NumPy has it
    return "{0}"


def cost(name: str) -> int:
    """What an operator costs in a vector loop, in multiplications."""
    return _DEAR.get(name, _CHEAP)


def value_type(dtype: np.dtype[Any]) -> str:
    """The C type of a value in a register: truth values as int, which vector comparisons give."""
    return "int" if dtype.kind == "b" else STORED_AS[dtype.name]


def literal(value: Any, dtype: np.dtype[Any]) -> str:
    """A constant in C."""
    if dtype.kind in "biu":
        whole = int(value)
        suffix = "u" if dtype.kind == "u" else ""
        if whole == np.iinfo(np.int64).min:
            return "INT64_MIN"
        return f"({C_TYPE[dtype.name]}){whole}{suffix}{'ll' if dtype.itemsize == 8 else ''}"
    number = float(value)
    if math.isnan(number):
        return f"({C_TYPE[dtype.name]})NAN"
    if math.isinf(number):
        return f"({C_TYPE[dtype.name]}){'-' if number < 0 else ''}INFINITY"
    return f"{number!r}f" if dtype.itemsize == 4 else repr(number)


def start_of(how: str, dtype: np.dtype[Any]) -> str:
    """What a reduction (sum, prod, max, min) starts with, in C."""
    if how in ("sum", "prod") or dtype.kind == "f":
        return {"sum": "0", "prod": "1", "max": "-INFINITY", "min": "INFINITY"}[how]
    if dtype.kind == "b":
        return "0" if how == "max" else "1"
    bounds = np.iinfo(dtype)
    return literal(bounds.min if how == "max" else bounds.max, dtype)
