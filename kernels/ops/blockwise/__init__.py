"""8-bit blockwise quantisation: a block of flat elements becomes codes of a 256-entry map and one scale."""

from __future__ import annotations

from typing import Any

from kernels.call import call
from kernels.errors import BadArgument
from kernels.quant.codes import DYNAMIC_SIGNED, beside, result_type
from kernels.quant.plans import eight_per_thread, lanes_per_block
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Attribute, Dims, Schema, Work
from kernels.toolchain.isa import SIMD

BLOCKSIZES = (64, 128, 256, 512, 1024, 2048, 4096)
VERSIONS = [Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)), Cpu("v2_cells", "v2_cells.cpp", levels=SIMD)]
CARD = "v1_lanes", "v1_lanes.cu"


def blocks_needed(op: str, dims: Dims, sizes: tuple[int, ...], n: int) -> dict[str, int]:
    """The dimension `blocks` of n flat elements.

    Raises:
        BadArgument: the block size is none of `sizes`, or the scales are not one per block.
    """
    size = dims["blocksize"]
    if size not in sizes:
        raise BadArgument(f"{op}: blocksize is {size}; allowed: {', '.join(map(str, sizes))}")
    needed = -(-n // size)
    if dims.get("blocks", needed) != needed:
        raise BadArgument(
            f"{op}: {dims['blocks']} scales given; {n} elements in blocks of {size} have {needed}"
        )
    return {"blocks": needed}


QUANTIZE = Operator(
    Schema(
        "quantize_blockwise",
        [Array("x", "n*"), Array("values", "256", "f32")],
        [Array("codes", "n*", "u8"), Array("absmax", "blocks", "f32")],
        [Attribute("blocksize", "int")],
        derive=lambda d: blocks_needed("quantize_blockwise", d, BLOCKSIZES, d["n"]),
    ),
    Work(flops=lambda d: 4 * d["n"], bytes=lambda d: d["n"] * (d["itemsize"] + 1) + 4 * d["blocks"]),
    __name__,
    [*VERSIONS, Cuda(*CARD, lanes_per_block, registers=64)],
)
DEQUANTIZE = Operator(
    Schema(
        "dequantize_blockwise",
        [Array("codes", "n*", "u8"), Array("absmax", "blocks", "f32"), Array("values", "256", "f32")],
        [Array("y", "n*")],
        [Attribute("blocksize", "int")],
        derive=lambda d: blocks_needed("dequantize_blockwise", d, BLOCKSIZES, d["n"]),
    ),
    Work(flops=lambda d: d["n"], bytes=lambda d: d["n"] * (d["itemsize"] + 1) + 4 * d["blocks"]),
    __name__,
    [
        *VERSIONS,
        Cpu("v3_stream", "v3_stream.cpp", levels=SIMD),
        Cuda(*CARD, eight_per_thread("n"), registers=40),
    ],
)
OPERATORS = (QUANTIZE, DEQUANTIZE)


def quantize_blockwise(
    x: Any, values: Any = None, *, blocksize: int = 4096, out: Any = None, version: str | None = None
) -> Any:
    """Codes and scales of blocks of `blocksize` flat elements in C order; the last block may be short.

    absmax = max|x| of the block; code = the number of midpoints between neighbours of `values` strictly below
    x * (1 / max(absmax, 1e-38)): on a midpoint the lesser value is taken, and a block of zeros gets the code
    of zero. A block with a NaN has the scale NaN, one with an infinity the scale inf: all of it decodes to
    what is not finite.

    Args:
        x: any shape; float32, bfloat16 or float16.
        values: float32 [256], ascending; None for the signed dynamic map.
        blocksize: 64, 128, … 4096.
        out: (codes, absmax) to write to.
        version: a version by name.

    Returns:
        (codes, absmax): uint8 in the shape of x, float32 [blocks].

    Raises:
        BadArgument, BadDtype: the block size, a shape or a dtype does not fit.

    Source: Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization".
    """
    return call(QUANTIZE, (x, _map(values, x)), (blocksize,), out, version)


def dequantize_blockwise(
    codes: Any,
    absmax: Any,
    values: Any = None,
    *,
    blocksize: int = 4096,
    dtype: Any = "float32",
    out: Any = None,
    version: str | None = None,
) -> Any:
    """values[code] * absmax of the block, in float32, rounded once to the result's dtype.

    Args:
        codes: uint8, any shape.
        absmax: float32 [blocks].
        values: float32 [256]; None for the signed dynamic map.
        blocksize: 64, 128, … 4096.
        dtype: of the result where no `out` is given: float32, bfloat16 or float16.
        out: where the result goes, in the shape of codes.
        version: a version by name.

    Returns:
        The shape of codes.

    Raises:
        BadArgument, BadDtype: the block size, a shape or a dtype does not fit.

    Source: Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization".
    """
    types = result_type("dequantize_blockwise", dtype, out)
    return call(DEQUANTIZE, (codes, absmax, _map(values, codes)), (blocksize,), out, version, types)


def _map(values: Any, array: Any) -> Any:
    return beside(DYNAMIC_SIGNED, array) if values is None else values
