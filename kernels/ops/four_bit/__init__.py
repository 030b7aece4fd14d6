"""4-bit weights, NF4 and FP4: quantising, dequantising, and multiplying with them as they are."""

from __future__ import annotations

import math
from typing import Any

from kernels.arrays import as_array, is_cupy
from kernels.call import call
from kernels.errors import BadArgument
from kernels.ops.blockwise import blocks_needed, quantize_blockwise
from kernels.ops.matmul import matmul
from kernels.quant.codes import DYNAMIC_SIGNED, FOUR_BIT, beside, four_bit, result_type
from kernels.quant.plans import (
    eight_per_thread,
    lanes_per_block,
    sixteen_rows_of_weights,
    warp_per_row_of_weights,
)
from kernels.quant.state import FourBit, Nested
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Attribute, Dims, Schema, Work
from kernels.toolchain.isa import SIMD

BLOCKSIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
NESTED_BLOCKSIZE = 256
# From how many rows of x on a version is the faster one, measured at 4096 x 4096: below, decoding is what
# counts.
FROM_ROWS = {"v3_panels": 13, "v4_bf16": 13, "v4_amx": 5}

VERSIONS = [Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)), Cpu("v2_vector", "v2_vector.cpp", levels=SIMD)]
CARD = "v1_lanes", "v1_lanes.cu"
CARD_ROWS = 64  # up to so many rows of x a card decodes weights on the way; for more it does so before

_WEIGHT = [
    Array("packed", "bytes 1", "u8"),
    Array("values", "16", "f32"),
    Array("absmax", "blocks", "f32", optional=True),
    Array("absmax8", "blocks", "u8", optional=True),
    Array("nested_absmax", "groups", "f32", optional=True),
    Array("nested_values", "256", "f32", optional=True),
]
_STATISTICS = [
    Attribute("blocksize", "int"),
    Attribute("nested_blocksize", "int"),
    Attribute("nested_offset", "float"),
]


def _sizes(op: str, dims: Dims, n: int) -> dict[str, int]:
    """The dimensions of n packed elements.

    Raises:
        BadArgument: there are more or fewer bytes or scales than n elements have.
    """
    found = {"bytes": (n + 1) // 2, **blocks_needed(op, dims, BLOCKSIZES, n)}
    if dims.get("bytes", found["bytes"]) != found["bytes"]:
        raise BadArgument(f"{op}: packed has {dims['bytes']} bytes; {n} elements need {found['bytes']}")
    if "groups" in dims:
        size = dims["nested_blocksize"]
        found["groups"] = -(-found["blocks"] // size) if size > 0 else 0
        if dims["groups"] != found["groups"] or size < 1:
            raise BadArgument(
                f"{op}: nested_absmax has {dims['groups']} scales; {found['blocks']} in blocks of {size} "
                f"have {found['groups']}"
            )
    return found


def _weight_bytes(d: Any, n: int) -> float:
    return n / 2 + 4 * n / float(d["blocksize"])


QUANTIZE = Operator(
    Schema(
        "quantize_4bit",
        [Array("x", "n*")],
        [Array("packed", "bytes 1", "u8"), Array("absmax", "blocks", "f32")],
        [Attribute("quant_type", "choice", FOUR_BIT), Attribute("blocksize", "int")],
        derive=lambda d: _sizes("quantize_4bit", d, d["n"]),
    ),
    Work(flops=lambda d: 6 * d["n"], bytes=lambda d: d["n"] * d["itemsize"] + _weight_bytes(d, d["n"])),
    __name__,
    [*VERSIONS, Cuda(*CARD, lanes_per_block, registers=64)],
)
DEQUANTIZE = Operator(
    Schema(
        "dequantize_4bit",
        _WEIGHT,
        [Array("y", "rows columns")],
        [Attribute("rows", "int"), Attribute("columns", "int"), *_STATISTICS],
        derive=lambda d: _sizes("dequantize_4bit", d, d["rows"] * d["columns"]),
    ),
    Work(
        flops=lambda d: d["rows"] * d["columns"],
        bytes=lambda d: d["rows"] * d["columns"] * d["itemsize"] + _weight_bytes(d, d["rows"] * d["columns"]),
    ),
    __name__,
    [
        *VERSIONS,
        Cpu("v3_stream", "v3_stream.cpp", levels=SIMD),
        Cpu("v4_lines", "v4_lines.cpp", levels=("avx512",)),
        # It has no tiles, but only on processors with them was it ahead (what it learned says more).
        Cpu("v5_pages", "v5_pages.cpp", levels=("amx",), dtypes=("f32",)),
        Cuda(*CARD, eight_per_thread("rows", "columns"), registers=48),
    ],
)
GEMM = Operator(
    Schema(
        "gemm_4bit",
        [Array("x", "rows* k"), *_WEIGHT, Array("bias", "n", optional=True)],
        [Array("y", "rows* n")],
        [Attribute("n", "int"), *_STATISTICS],
        derive=lambda d: _sizes("gemm_4bit", d, d["n"] * d["k"]),
    ),
    Work(
        flops=lambda d: 2 * d["rows"] * d["k"] * d["n"],
        bytes=lambda d: d["rows"] * (d["k"] + d["n"]) * d["itemsize"] + _weight_bytes(d, d["n"] * d["k"]),
        arithmetic="T",
    ),
    __name__,
    [
        Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
        Cpu("v2_fused", "v2_fused.cpp", levels=SIMD),
        Cpu("v3_panels", "v3_panels.cpp", levels=SIMD, fits=lambda d: d["rows"] >= FROM_ROWS["v3_panels"]),
        Cpu(
            "v4_bf16",
            "v4_bf16.cpp",
            levels=("bf16",),
            dtypes=("bf16",),
            fits=lambda d: d["rows"] >= FROM_ROWS["v4_bf16"],
        ),
        Cpu(
            "v4_amx",
            "v4_amx.cpp",
            levels=("amx",),
            dtypes=("bf16",),
            fits=lambda d: d["rows"] >= FROM_ROWS["v4_amx"],
        ),
        Cuda(*CARD, warp_per_row_of_weights, registers=80),
        Cuda(
            "v2_mma",
            "v2_mma.cu",
            sixteen_rows_of_weights,
            registers=144,
            dtypes=("bf16", "f16"),
            fits=lambda d: 3 < d["rows"] <= CARD_ROWS and d["k"] % 32 == 0,
        ),
    ],
)
OPERATORS = (QUANTIZE, DEQUANTIZE, GEMM)


def quantize_4bit(
    x: Any,
    *,
    quant_type: str = "nf4",
    blocksize: int = 64,
    compress_statistics: bool = False,
    out: Any = None,
    version: str | None = None,
) -> FourBit:
    """Blocks of flat elements as 4-bit codes and one scale each.

    absmax = max|x| of the block; code = that of the value nearest to x / absmax, on a midpoint the lesser one
    (the one nearer to zero for FP4). Two codes to a byte, the first in the upper half. A block with a NaN or
    an infinity has such a scale and decodes to what is not finite.

    Args:
        x: any shape; float32, bfloat16 or float16.
        quant_type: `nf4` or `fp4`.
        blocksize: 32, 64, … 4096.
        compress_statistics: keep the scales in 8 bits too (double quantisation): less their mean over the
        finite
            ones, in blocks of 256.
        out: (packed, absmax) to write to: uint8 [(n + 1) // 2, 1] and float32 [blocks].
        version: a version by name.

    Returns:
        The codes and all that is needed to decode them.

    Raises:
        BadArgument, BadDtype: the type, the block size or a dtype does not fit.

    Source: Dettmers et al. 2023, "QLoRA".
    """
    x = as_array("quantize_4bit", "x", x)
    packed, absmax = call(QUANTIZE, (x,), (quant_type, blocksize), out, version)
    nested = None
    if compress_statistics:
        absmax, nested = _compressed(absmax)
    values = beside(four_bit(quant_type), x)
    return FourBit(packed, absmax, values, quant_type, blocksize, tuple(x.shape), str(x.dtype), nested)


def _compressed(absmax: Any) -> tuple[Any, Nested]:
    finite = absmax[abs(absmax) < math.inf]  # a NaN is not
    offset = float(finite.mean()) if finite.size else 0.0
    values = beside(DYNAMIC_SIGNED, absmax)
    codes, scales = quantize_blockwise(absmax - absmax.dtype.type(offset), values, blocksize=NESTED_BLOCKSIZE)
    return codes, Nested(scales, values, NESTED_BLOCKSIZE, offset)


def dequantize_4bit(
    weight: FourBit, *, dtype: Any = None, out: Any = None, version: str | None = None
) -> Any:
    """values[code] * absmax of the block, in float32, rounded once to the result's dtype.

    Args:
        weight: what `quantize_4bit` gave, or a file holds (`kernels.quant.state`).
        dtype: of the result where no `out` is given; None for that of what was quantised.
        out: where the result goes, in the shape of what was quantised.
        version: a version by name.

    Returns:
        The shape of what was quantised.

    Raises:
        BadArgument, BadDtype: the parts do not fit together, or `out` does not.

    Source: Dettmers et al. 2023, "QLoRA".
    """
    op = "dequantize_4bit"
    types = result_type(op, weight.dtype if dtype is None else dtype, out)
    rows, columns = math.prod(weight.shape[:-1]), weight.shape[-1] if weight.shape else 1
    attributes = (rows, columns, *weight.statistics())
    if len(weight.shape) == 2 or out is None:
        y = call(DEQUANTIZE, weight.arrays(), attributes, out, version, types)
        return y.reshape(weight.shape) if out is None else y
    out = as_array(op, "out", out)
    if out.shape != weight.shape:
        raise BadArgument(f"{op}: out has shape {out.shape}; needed: {weight.shape}")
    if out.flags.c_contiguous:
        call(DEQUANTIZE, weight.arrays(), attributes, out.reshape(rows, columns), version, types)
    else:
        out[...] = call(DEQUANTIZE, weight.arrays(), attributes, None, version, types).reshape(weight.shape)
    return out


def gemm_4bit(
    x: Any, weight: FourBit, bias: Any = None, *, out: Any = None, version: str | None = None
) -> Any:
    """x times the transpose of a 4-bit weight, plus a bias; sums are float32.

    Args:
        x: […, K]; float32, bfloat16 or float16.
        weight: of shape [N, K].
        bias: [N], of the dtype of x, or None.
        out: where the result goes: […, N], of the dtype of x.
        version: a version by name.

    Returns:
        […, N], of the dtype of x.

    Raises:
        BadArgument, BadDtype: a shape or a dtype does not fit.

    Source: Dettmers et al. 2023, "QLoRA".
    """
    if len(weight.shape) != 2:
        raise BadArgument(f"gemm_4bit: weight has shape {weight.shape}; needed: (n, k)")
    x = as_array("gemm_4bit", "x", x)
    n, k = weight.shape
    if x.shape[-1:] != (k,):
        raise BadArgument(f"gemm_4bit: x has shape {x.shape}; the weight {weight.shape} needs (…, {k})")
    if is_cupy(x) and version is None and x.size > CARD_ROWS * k:
        return matmul(x, dequantize_4bit(weight, dtype=x.dtype), transpose_b=True, bias=bias, out=out)
    return call(GEMM, (x, *weight.arrays(), bias), (n, *weight.statistics()), out, version)


def gemv_4bit(
    x: Any, weight: FourBit, bias: Any = None, *, out: Any = None, version: str | None = None
) -> Any:
    """`gemm_4bit` for one vector x [K]: the result is [N].

    Raises:
        BadArgument, BadDtype: a shape or a dtype does not fit.
    """
    x = as_array("gemv_4bit", "x", x)
    if x.ndim != 1:
        raise BadArgument(f"gemv_4bit: x has shape {x.shape}; needed: (k,)")
    return gemm_4bit(x, weight, bias, out=out, version=version)
