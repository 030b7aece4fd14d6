"""Sum, mean, product, largest, smallest and Euclidean norm along one axis or over everything."""

from __future__ import annotations

import math
import operator as operators
from collections.abc import Mapping
from functools import partial
from typing import Any

from kernels.arrays import as_array
from kernels.call import call
from kernels.errors import BadArgument
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Dims, Schema, Work
from kernels.toolchain.grids import reduction, thread_per
from kernels.toolchain.isa import SIMD

VERSIONS: list[Cpu | Cuda] = [
    Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
    Cpu("v2_lanes", "v2_lanes.cpp", levels=SIMD),
    Cuda("v1_naive", "v1_naive.cu", thread_per("outer", "inner"), registers=48, dtypes=("f32",)),
    Cuda("v2_split", "v2_split.cu", reduction, registers=64),
]


def _not_empty(op: str, dims: Dims) -> Mapping[str, int]:
    if dims["n"] == 0:
        raise BadArgument(f"{op}: the axis has size 0; 1 or more is needed")
    return {}


def _operator(name: str, per_element: int, *, of_none: bool = True) -> Operator:
    return Operator(
        Schema(
            name,
            [Array("x", "outer n inner")],
            [Array("y", "outer inner")],
            derive=None if of_none else partial(_not_empty, name),
        ),
        Work(
            flops=lambda d: per_element * d["outer"] * d["n"] * d["inner"],
            bytes=lambda d: d["outer"] * (d["n"] + 1) * d["inner"] * d["itemsize"],
        ),
        __name__,
        VERSIONS,
    )


SUM = _operator("reduce_sum", 1)
MEAN = _operator("reduce_mean", 1)
PROD = _operator("reduce_prod", 1)
MAX = _operator("reduce_max", 1, of_none=False)
MIN = _operator("reduce_min", 1, of_none=False)
L2 = _operator("reduce_l2", 2)
OPERATORS = (SUM, MEAN, PROD, MAX, MIN, L2)


def _reduce(op: Operator, x: Any, axis: int | None, keepdims: bool, out: Any, version: str | None) -> Any:
    """Any axis is the middle one of three, so nothing is copied to bring it anywhere."""
    x = as_array(op.name, "x", x)
    shape: tuple[int, ...] = x.shape
    if axis is None:
        outer, n, inner, result = 1, x.size, 1, (1,) * len(shape) if keepdims else ()
    else:
        try:
            at = operators.index(axis)
        except TypeError:
            raise BadArgument(
                f"{op.name}: axis is {axis!r:.60}; a whole number is needed, or None for all"
            ) from None
        if not -len(shape) <= at < len(shape):
            raise BadArgument(
                f"{op.name}: axis is {axis}; shape {shape} has axes {-len(shape)} to {len(shape) - 1}"
            )
        at %= len(shape)
        outer, n, inner = math.prod(shape[:at]), shape[at], math.prod(shape[at + 1 :])
        result = (*shape[:at], *((1,) if keepdims else ()), *shape[at + 1 :])
    view = x.reshape(outer, n, inner)
    if out is None:
        return call(op, (view,), (), None, version).reshape(result)
    out = as_array(op.name, "out", out)
    if out.shape != result:
        raise BadArgument(f"{op.name}: out has shape {out.shape}; needed: {result}")
    if out.flags.c_contiguous:
        call(op, (view,), (), out.reshape(outer, inner), version)
    else:
        out[...] = call(op, (view,), (), None, version).reshape(result)
    return out


def reduce_sum(
    x: Any, *, axis: int | None = None, keepdims: bool = False, out: Any = None, version: str | None = None
) -> Any:
    """The sum along an axis, or of everything. The sum of nothing is 0.

    Args:
        x: any shape; float32, bfloat16 or float16. It is accumulated in float64 and rounded once.
        axis: which one; None for all elements. Any axis is read where it is.
        keepdims: leave the axis in the result, with size 1.
        out: where the result goes: shape of x without the axis, dtype of x.
        version: a version by name.

    Returns:
        Shape of x without the axis (no axes at all for axis None), dtype of x.

    Raises:
        BadArgument, BadDtype: the axis, shape or dtype does not fit.

    Source: NumPy's `sum`.
    """
    return _reduce(SUM, x, axis, keepdims, out, version)


def reduce_mean(
    x: Any, *, axis: int | None = None, keepdims: bool = False, out: Any = None, version: str | None = None
) -> Any:
    """The mean along an axis, or of everything; of nothing it is NaN. Arguments and faults: `reduce_sum`.

    Source: NumPy's `mean`.
    """
    return _reduce(MEAN, x, axis, keepdims, out, version)


def reduce_prod(
    x: Any, *, axis: int | None = None, keepdims: bool = False, out: Any = None, version: str | None = None
) -> Any:
    """The product along an axis, or of everything; of nothing it is 1. Arguments and faults: `reduce_sum`.

    Source: NumPy's `prod`.
    """
    return _reduce(PROD, x, axis, keepdims, out, version)


def reduce_max(
    x: Any, *, axis: int | None = None, keepdims: bool = False, out: Any = None, version: str | None = None
) -> Any:
    """The largest along an axis, or of everything; NaN if there is one. Arguments and faults: `reduce_sum`.

    Raises:
        BadArgument: also where there are no elements to choose from.

    Source: NumPy's `max`.
    """
    return _reduce(MAX, x, axis, keepdims, out, version)


def reduce_min(
    x: Any, *, axis: int | None = None, keepdims: bool = False, out: Any = None, version: str | None = None
) -> Any:
    """The smallest along an axis, or of everything; NaN if there is one. Arguments and faults: `reduce_sum`.

    Raises:
        BadArgument: also where there are no elements to choose from.

    Source: NumPy's `min`.
    """
    return _reduce(MIN, x, axis, keepdims, out, version)


def reduce_l2(
    x: Any, *, axis: int | None = None, keepdims: bool = False, out: Any = None, version: str | None = None
) -> Any:
    """The square root of the sum of squares along an axis, or of everything.

    Arguments and faults: `reduce_sum`. The squares are added in float64: none overflows or is lost.

    Source: NumPy's `linalg.norm` of vectors.
    """
    return _reduce(L2, x, axis, keepdims, out, version)
