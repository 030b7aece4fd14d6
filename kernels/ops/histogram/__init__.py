"""Counts: of real numbers by bins of equal width, of whole numbers by value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from kernels.call import call
from kernels.errors import BadArgument
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Attribute, Dims, Schema, Work
from kernels.toolchain.grids import counting
from kernels.toolchain.isa import SIMD


def _at_least_one(op: str, dims: Dims) -> Mapping[str, int]:
    if not 1 <= dims["bins"] < 1 << 31:
        raise BadArgument(f"{op}: bins is {dims['bins']}; 1 to {(1 << 31) - 1} are served")
    return {}


HISTOGRAM = Operator(
    Schema(
        "histogram",
        [Array("x", "n*")],
        [Array("counts", "bins", "i64")],
        [Attribute("bins", "int"), Attribute("low", "float"), Attribute("high", "float")],
        derive=partial(_at_least_one, "histogram"),
    ),
    Work(flops=lambda d: 2 * d["n"], bytes=lambda d: d["n"] * d["itemsize"] + 8 * d["bins"]),
    __name__,
    [
        Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
        Cpu("v2_private", "v2_private.cpp", levels=SIMD),
        Cuda("v1_atomics", "v1_atomics.cu", counting, registers=64),
        Cuda("v2_guess", "v2_guess.cu", counting, registers=80),
    ],
)
BINCOUNT = Operator(
    Schema(
        "bincount",
        [Array("x", "n*")],
        [Array("counts", "bins", "i64")],
        [Attribute("bins", "int")],
        dtypes={"T": ("u8", "i32", "i64")},
        derive=partial(_at_least_one, "bincount"),
    ),
    Work(flops=lambda d: 0, bytes=lambda d: d["n"] * d["itemsize"] + 8 * d["bins"]),
    __name__,
    [
        Cpu("v1_naive", "v1_naive.c", dtypes=("u8",)),
        Cpu("v2_private", "v2_private.cpp", levels=SIMD),
        Cuda("v1_atomics", "v1_atomics.cu", counting, registers=64),
        Cuda("v2_guess", "v2_guess.cu", counting, registers=80),
    ],
)
OPERATORS = (HISTOGRAM, BINCOUNT)


def histogram(
    x: Any,
    *,
    bins: int = 256,
    low: float = 0.0,
    high: float = 1.0,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """How many elements fall into each of `bins` bins of equal width from low to high.

    Bin i holds edge[i] <= x < edge[i+1], the last one its upper edge too; the edges are those of
    `numpy.linspace(low, high, bins + 1)`, compared in float64. What lies outside, and NaN, is not counted.

    Args:
        x: any shape; float32, bfloat16 or float16.
        bins: how many bins.
        low, high: the range; low < high, both finite.
        out: where the result goes: int64 of shape (bins,).
        version: a version by name.

    Returns:
        int64 of shape (bins,).

    Raises:
        BadArgument, BadDtype: no bins, a range that is none, or a shape or dtype that does not fit.

    Source: NumPy's `histogram` with a range.
    """
    if not -math.inf < low < high < math.inf or high - low == math.inf:
        raise BadArgument(f"histogram: the range is {low} to {high}; low < high is needed, and both finite")
    return call(HISTOGRAM, (x,), (bins, low, high), out, version)


def bincount(x: Any, *, bins: int = 256, out: Any = None, version: str | None = None) -> Any:
    """How often each of the values 0 … bins-1 occurs.

    Args:
        x: any shape; uint8, int32 or int64, each value from 0 up to, not including, bins.
        bins: how many values there are.
        out: where the result goes: int64 of shape (bins,).
        version: a version by name.

    Returns:
        int64 of shape (bins,).

    Raises:
        BadArgument, BadDtype: a value outside the range (`out` is then undefined), no bins, or a shape or
            dtype that does not fit.

    Source: NumPy's `bincount` with `minlength`.
    """
    return call(BINCOUNT, (x,), (bins,), out, version)
