"""Sorting along an axis: values, and the order they come in."""

from __future__ import annotations

from typing import Any

from kernels.axes import along_last
from kernels.call import call
from kernels.ops.sort import plans
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Schema, Work

ROWS = "rows* n"
DTYPES = ("f32", "bf16", "f16", "i32", "i64")


def _countable(dims: Any) -> bool:
    """Positions are kept in 32 bits beside the keys."""
    return bool(dims["n"] < 1 << 32)


ON_CARD = Cuda("v1_radix", "v1_radix.cu", plans.radix, fits=_countable)
SORT = Operator(
    Schema("sort", [Array("x", ROWS)], [Array("y", ROWS)], dtypes={"T": DTYPES}, in_place=True),
    Work(flops=lambda d: 0, bytes=lambda d: 2 * d["rows"] * d["n"] * d["itemsize"]),
    __name__,
    [
        Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
        Cpu("v2_radix", "v2_radix.cpp", fits=_countable),
        Cpu("v3_quick", "v3_quick.cpp", levels=("avx512",), dtypes=("f32", "i32", "i64")),
        ON_CARD,
    ],
)
ARGSORT = Operator(
    Schema("argsort", [Array("x", ROWS)], [Array("order", ROWS, "i64")], dtypes={"T": DTYPES}),
    Work(flops=lambda d: 0, bytes=lambda d: d["rows"] * d["n"] * (d["itemsize"] + 8)),
    __name__,
    [
        Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
        Cpu("v2_radix", "v2_radix.cpp", fits=_countable),
        ON_CARD,
    ],
)
OPERATORS = (SORT, ARGSORT)


def sort(x: Any, *, axis: int = -1, out: Any = None, version: str | None = None) -> Any:
    """The elements in ascending order along an axis, NaN last.

    Args:
        x: any shape; float32, bfloat16, float16, int32 or int64.
        axis: which one; another than the last costs a copy.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x. -0.0 and 0.0 are equal and come in either order; a NaN may lose its sign and
        payload.

    Raises:
        BadArgument, BadDtype: the axis, shape or dtype does not fit.

    Source: NumPy's `sort`.
    """
    return along_last("sort", lambda a, o: call(SORT, (a,), (), o, version), x, axis, out)


def argsort(x: Any, *, axis: int = -1, out: Any = None, version: str | None = None) -> Any:
    """The positions of the elements in ascending order along an axis, NaN last; equal ones keep their order.

    Args:
        x: any shape; float32, bfloat16, float16, int32 or int64.
        axis: which one; another than the last costs a copy.
        out: where the result goes: int64, shape of x.
        version: a version by name.

    Returns:
        int64, shape of x.

    Raises:
        BadArgument, BadDtype: the axis, shape or dtype does not fit.

    Source: NumPy's stable `argsort`; Knuth, volume 3, 5.2.5, for sorting digit by digit.
    """
    return along_last("argsort", lambda a, o: call(ARGSORT, (a,), (), o, version), x, axis, out)
