"""The largest elements of each row, and where they are."""

from __future__ import annotations

from typing import Any

from kernels.call import call
from kernels.errors import BadArgument
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Attribute, Dims, Schema, Work
from kernels.toolchain.grids import block_per_row
from kernels.toolchain.isa import SIMD

MOST = 1024  # that v2_digits.cu sorts in shared memory
X = Array("x", "rows* n")
READING = Work(flops=lambda d: d["rows"] * d["n"], bytes=lambda d: d["rows"] * d["n"] * d["itemsize"])
VERSIONS = [
    Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
    # Places are kept in 32 bits.
    Cpu("v2_tiles", "v2_tiles.cpp", levels=SIMD, fits=lambda d: d["n"] < 2**31),
    Cuda("v1_selection", "v1_selection.cu", block_per_row, registers=64),
]


def _enough_elements(dims: Dims) -> Dims:
    if not 0 <= dims["k"] <= dims["n"]:
        raise BadArgument(f"top_k: k is {dims['k']}; a row of x has {dims['n']} elements")
    return {}


def _some_element(dims: Dims) -> Dims:
    if dims["n"] == 0 and dims["rows"] > 0:
        raise BadArgument("argmax: a row of x has 0 elements; 1 is needed")
    return {}


TOP_K = Operator(
    Schema(
        "top_k",
        [X],
        [Array("values", "rows* k"), Array("indices", "rows* k", "i64")],
        [Attribute("k", "int")],
        derive=_enough_elements,
    ),
    READING,
    __name__,
    [
        *VERSIONS,
        Cuda(
            "v2_digits",
            "v2_digits.cu",
            block_per_row,
            registers=64,
            fits=lambda d: 1 <= d["k"] <= MOST and d["n"] < 2**32,
        ),
    ],
)
ARGMAX = Operator(
    Schema("argmax", [X], [Array("index", "rows*", "i64")], derive=_some_element),
    READING,
    __name__,
    VERSIONS,
)
OPERATORS = (TOP_K, ARGMAX)


def top_k(x: Any, k: int, *, out: Any = None, version: str | None = None) -> Any:
    """The k largest elements of each row in falling order, and their indices.

    Among equals the lower index comes first. NaN counts as larger than every number; -0 equals 0.

    Args:
        x: (..., n); float32, bfloat16 or float16.
        k: how many, from 0 to n.
        out: where the result goes: values (..., k) in the dtype of x and indices (..., k) in int64.
        version: a version by name.

    Returns:
        (values, indices).

    Raises:
        BadArgument, BadDtype: k, a shape or a dtype does not fit.

    Source: our own; the k-th largest of the maxima of groups bounds the result from below.
    """
    return call(TOP_K, (x,), (k,), out, version)


def argmax(x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """The index of the largest element of each row; of the first one among equals.

    NaN counts as larger than every number.

    Args:
        x: (..., n), with n from 1 up; float32, bfloat16 or float16.
        out: where the result goes: (...) in int64.
        version: a version by name.

    Returns:
        (...) in int64.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.
    """
    return call(ARGMAX, (x,), (), out, version)
