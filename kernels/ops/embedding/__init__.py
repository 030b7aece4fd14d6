"""Rows of a table by index, and the gradient of the table."""

from __future__ import annotations

from typing import Any

from kernels.call import call
from kernels.dtypes import FLOATS
from kernels.errors import BadArgument
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Attribute, Dims, Schema, Work
from kernels.toolchain.grids import lookup, lookup_gradient, thread_per
from kernels.toolchain.isa import SIMD

DTYPES = {"T": FLOATS, "I": ("i64", "i32")}
NO_PADDING = -1
VERSIONS = [Cpu("v1_naive", "v1_naive.c", dtypes=("f32_i64", "f32_i32"))]

EMBEDDING = Operator(
    Schema(
        "embedding",
        [Array("table", "rows d"), Array("indices", "n*", "I")],
        [Array("y", "n* d")],
        dtypes=DTYPES,
    ),
    Work(flops=lambda d: 0, bytes=lambda d: 2 * d["n"] * d["d"] * d["itemsize"] + 8 * d["n"]),
    __name__,
    [
        *VERSIONS,
        Cpu("v2_copy", "v2_copy.cpp"),
        Cpu("v3_stream", "v3_stream.cpp", levels=SIMD),
        Cuda("v1_naive", "v1_naive.cu", thread_per("n", "d"), registers=48, dtypes=("f32_i64", "f32_i32")),
        Cuda("v2_rows", "v2_rows.cu", lookup, registers=64),
    ],
)


def _derive(dims: Dims) -> Dims:
    """Refuse what shapes alone cannot express."""
    if not NO_PADDING <= dims["padding_idx"] < max(dims["rows"], 1):
        raise BadArgument(
            f"embedding_grad: padding_idx is {dims['padding_idx']}; "
            f"the table has rows 0 to {dims['rows'] - 1}"
        )
    return {}


EMBEDDING_GRAD = Operator(
    Schema(
        "embedding_grad",
        [Array("dy", "n* d"), Array("indices", "n*", "I")],
        [Array("dtable", "rows d")],
        [Attribute("rows", "int"), Attribute("padding_idx", "int")],
        dtypes=DTYPES,
        derive=_derive,
    ),
    Work(
        flops=lambda d: d["n"] * d["d"],
        bytes=lambda d: (d["n"] + d["rows"]) * d["d"] * d["itemsize"] + 8 * d["n"],
    ),
    __name__,
    [
        *VERSIONS,
        Cpu("v2_sorted", "v2_sorted.cpp", levels=SIMD),
        Cuda("v1_naive", "v1_naive.cu", thread_per("rows", "d"), registers=48, dtypes=("f32_i64", "f32_i32")),
        Cuda("v2_rows", "v2_rows.cu", lookup_gradient, registers=64),
    ],
)
OPERATORS = (EMBEDDING, EMBEDDING_GRAD)


def embedding(table: Any, indices: Any, *, out: Any = None, version: str | None = None) -> Any:
    """table[indices]: a row of the table for each index.

    Args:
        table: (rows, d); float32, bfloat16 or float16.
        indices: any shape; int64 or int32, 0 to rows - 1.
        out: where the result goes, shape (*indices.shape, d), dtype of table.
        version: a version by name.

    Returns:
        Shape (*indices.shape, d), dtype of table.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit, or an index lies outside the table (on a
            card, which cannot raise, such a row is NaN).

    Source: Bengio et al. 2003.
    """
    return call(EMBEDDING, (table, indices), (), out, version)


def embedding_grad(
    dy: Any,
    indices: Any,
    rows: int,
    *,
    padding_idx: int | None = None,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """The gradient of the table: in each row the sum of dy over the places where that row was taken.

    The sum goes by the order of the indices and is kept in float32, so that the same call gives the same
    bits, whatever the number of threads.

    Args:
        dy: gradient of the result of `embedding`, shape (*indices.shape, d); float32, bfloat16 or float16.
        indices: as in `embedding`; int64 or int32.
        rows: of the table.
        padding_idx: a row whose gradient is 0 whatever dy is; None for no such row.
        out: where the gradient goes, shape (rows, d), dtype of dy; all of it is written.
        version: a version by name.

    Returns:
        Shape (rows, d), dtype of dy.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit, or an index lies outside the table (on a
            card, which cannot raise, such an index is left out).
    """
    if padding_idx is not None and padding_idx < 0:
        raise BadArgument(
            f"embedding_grad: padding_idx is {padding_idx}; None, or 0 to {rows - 1}, is needed"
        )
    padding = NO_PADDING if padding_idx is None else padding_idx
    return call(EMBEDDING_GRAD, (dy, indices), (rows, padding), out, version)
