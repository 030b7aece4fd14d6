"""Softmax and log-softmax over the last axis, and their gradients."""

from __future__ import annotations

from typing import Any

from kernels.axes import along_last
from kernels.call import call
from kernels.registry import Cpu, Operator
from kernels.schema import Array, Schema, Work
from kernels.toolchain.isa import SIMD

ROWS = "rows* n"
VERSIONS = [Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)), Cpu("v2_vector", "v2_vector.cpp", levels=SIMD)]

SOFTMAX = Operator(
    Schema("softmax", [Array("x", ROWS)], [Array("y", ROWS)], in_place=True),
    Work(flops=lambda d: 5 * d["rows"] * d["n"], bytes=lambda d: 2 * d["rows"] * d["n"] * d["itemsize"]),
    __name__,
    VERSIONS,
)
OPERATORS = (SOFTMAX,)


def softmax(x: Any, *, axis: int = -1, out: Any = None, version: str | None = None) -> Any:
    """exp(x - max) / sum(exp(x - max)) along an axis.

    Args:
        x: any shape; float32, bfloat16 or float16.
        axis: which one sums to 1; another than the last costs a copy.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x. A row with a NaN, or with +inf, is NaN where it cannot be told; a row of -inf is NaN.

    Raises:
        BadArgument, BadDtype: the axis, shape or dtype does not fit.

    Source: Bridle 1990, with the usual shift by the maximum.
    """
    return along_last(lambda a, o: call(SOFTMAX, (a,), (), o, version), x, axis, out)
