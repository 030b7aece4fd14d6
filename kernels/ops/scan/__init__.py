"""Running sum, product and largest along an axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernels.axes import along_last
from kernels.call import call
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Attribute, Schema, Work
from kernels.toolchain.grids import block_per_row, scanning
from kernels.toolchain.isa import SIMD

ROWS = "rows* n"
VERSIONS = [
    Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
    Cpu("v2_steps", "v2_steps.cpp", levels=SIMD),
    Cuda("v1_rows", "v1_rows.cu", block_per_row, registers=64),
    Cuda("v2_parts", "v2_parts.cu", scanning, registers=64),
]
NUMBERS = {"T": ("f32", "bf16", "f16", "i64")}
FLOATS = {"T": ("f32", "bf16", "f16")}


def _operator(name: str, dtypes: Mapping[str, tuple[str, ...]]) -> Operator:
    return Operator(
        Schema(
            name,
            [Array("x", ROWS)],
            [Array("y", ROWS)],
            [Attribute("exclusive", "bool")],
            dtypes=dtypes,
            in_place=True,
        ),
        Work(flops=lambda d: d["rows"] * d["n"], bytes=lambda d: 2 * d["rows"] * d["n"] * d["itemsize"]),
        __name__,
        VERSIONS,
    )


CUMSUM, CUMPROD, CUMMAX = (
    _operator("cumsum", NUMBERS),
    _operator("cumprod", FLOATS),
    _operator("cummax", NUMBERS),
)
OPERATORS = (CUMSUM, CUMPROD, CUMMAX)


def cumsum(
    x: Any, *, axis: int = -1, exclusive: bool = False, out: Any = None, version: str | None = None
) -> Any:
    """y[i] = x[0] + … + x[i] along an axis; exclusive: y[i] = x[0] + … + x[i-1], and y[0] = 0.

    Args:
        x: any shape; float32, bfloat16, float16, or int64 (which wraps around).
        axis: which one; another than the last costs a copy.
        exclusive: leave out the element itself.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x. NaN from the first NaN on.

    Raises:
        BadArgument, BadDtype: the axis, shape or dtype does not fit.

    Source: NumPy's `cumsum`; the steps within a vector are Hillis and Steele's, 1986.
    """
    return along_last("cumsum", lambda a, o: call(CUMSUM, (a,), (exclusive,), o, version), x, axis, out)


def cumprod(
    x: Any, *, axis: int = -1, exclusive: bool = False, out: Any = None, version: str | None = None
) -> Any:
    """y[i] = x[0] · … · x[i] along an axis; exclusive: without x[i], and y[0] = 1. Else like `cumsum`.

    float32, bfloat16 or float16.
    """
    return along_last("cumprod", lambda a, o: call(CUMPROD, (a,), (exclusive,), o, version), x, axis, out)


def cummax(
    x: Any, *, axis: int = -1, exclusive: bool = False, out: Any = None, version: str | None = None
) -> Any:
    """y[i] = the largest of x[0] … x[i] along an axis; exclusive: without x[i]. Else like `cumsum`.

    An exclusive one begins with -inf, or with the least int64.
    """
    return along_last("cummax", lambda a, o: call(CUMMAX, (a,), (exclusive,), o, version), x, axis, out)
