"""Transposition of the last two axes."""

from __future__ import annotations

from typing import Any

from kernels.call import call
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Schema, Work
from kernels.toolchain.grids import thread_per, tiles
from kernels.toolchain.isa import SIMD

DTYPES = ("f32", "bf16", "f16", "i64", "i32", "i8", "u8")

TRANSPOSE = Operator(
    Schema("transpose", [Array("x", "batch* m n")], [Array("y", "batch* n m")], dtypes={"T": DTYPES}),
    Work(flops=lambda d: 0, bytes=lambda d: 2 * d["batch"] * d["m"] * d["n"] * d["itemsize"]),
    __name__,
    [
        Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
        Cpu("v2_blocks", "v2_blocks.cpp"),
        Cpu("v3_registers", "v3_registers.cpp", levels=SIMD),
        Cpu("v4_panels", "v4_panels.cpp", levels=SIMD),
        Cuda("v1_naive", "v1_naive.cu", thread_per("batch", "m", "n"), registers=40, dtypes=("f32",)),
        Cuda("v2_tiles", "v2_tiles.cu", tiles, registers=64),
    ],
)
OPERATORS = (TRANSPOSE,)


def transpose(x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """y[…, j, i] = x[…, i, j], written out: a contiguous array, not a view.

    Args:
        x: two axes or more; float32, bfloat16, float16, int64, int32, int8 or uint8.
        out: where the result goes: the last two axes of x exchanged, dtype of x.
        version: a version by name.

    Returns:
        The last two axes of x exchanged, the bits of its elements unchanged.

    Raises:
        BadArgument, BadDtype: the shape or dtype does not fit.

    Source: NumPy's `swapaxes`.
    """
    return call(TRANSPOSE, (x,), (), out, version)
