"""Linear layers with int8 weights: LLM.int8(), where columns of large activations stay floating point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernels.call import call
from kernels.errors import BadArgument
from kernels.quant.plans import four_rows_per_thread, int8_layer, rows_to_int8
from kernels.quant.state import Int8
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Attribute, Dims, Schema, Work
from kernels.toolchain.isa import SIMD

K_MAX = 133_144  # products reach 127 * 127: more of them could overflow int32
# From how many rows of x on the matrix unit is the faster one: where the weight comes from memory (measured
# at 4096 x 4096), and where it stays in the nearer caches (1024 x 1024).
AMX_FROM_ROWS, AMX_FROM_ROWS_NEAR, NEAR_BYTES = 5, 3, 1 << 20
VNNI_TILES_FROM_ROWS = 13  # … on which panels of both operands are worth their packing


def _fits_int32(dims: Dims) -> dict[str, int]:
    if dims["k"] > K_MAX:
        raise BadArgument(f"int8_linear: k is {dims['k']}; up to {K_MAX:,} the sums fit into int32")
    return {}


def _enough_rows(dims: Mapping[str, int]) -> bool:
    near = dims["n"] * dims["k"] <= NEAR_BYTES
    return dims["rows"] >= (AMX_FROM_ROWS_NEAR if near else AMX_FROM_ROWS)


_NAIVE = Cpu("v1_naive", "v1_naive.c", dtypes=("f32",))
_VECTOR = Cpu("v2_vector", "v2_vector.cpp", levels=SIMD)

QUANTIZE_ROWS = Operator(
    Schema(
        "int8_quantize_rows",
        [Array("x", "rows* k")],
        [Array("codes", "rows* k", "i8"), Array("absmax", "rows*", "f32"), Array("outliers", "k", "bool")],
        [Attribute("threshold", "float")],
    ),
    Work(
        flops=lambda d: 4 * d["rows"] * d["k"],
        bytes=lambda d: d["rows"] * (d["k"] * (d["itemsize"] + 1) + 4),
    ),
    __name__,
    [_NAIVE, _VECTOR, Cuda("v1_rows", "v1_rows.cu", rows_to_int8, registers=48)],
)
LINEAR = Operator(
    Schema(
        "int8_linear",
        [
            Array("x", "rows* k"),
            Array("weight", "n k", "i8"),
            Array("weight_absmax", "n", "f32"),
            Array("bias", "n", optional=True),
        ],
        [Array("y", "rows* n")],
        [Attribute("threshold", "float")],
        derive=_fits_int32,
    ),
    Work(
        flops=lambda d: 2 * d["rows"] * d["k"] * d["n"],
        bytes=lambda d: d["n"] * d["k"] + d["rows"] * (d["k"] + d["n"]) * d["itemsize"],
        arithmetic="i8",
    ),
    __name__,
    [
        _NAIVE,
        _VECTOR,
        Cpu("v3_vnni", "v3_vnni.cpp", levels=("vnni",)),
        Cpu("v4_vnni", "v4_vnni.cpp", levels=("vnni",), fits=lambda d: d["rows"] >= VNNI_TILES_FROM_ROWS),
        Cpu("v4_amx", "v4_amx.cpp", levels=("amx",), fits=_enough_rows),
        Cuda("v1_tiles", "v1_tiles.cu", int8_layer, registers=128),
    ],
)
GRAD = Operator(
    Schema(
        "int8_linear_grad",
        [Array("grad", "rows* n"), Array("weight", "n k", "i8"), Array("weight_absmax", "n", "f32")],
        [Array("dx", "rows* k")],
    ),
    Work(
        flops=lambda d: 2 * d["rows"] * d["k"] * d["n"],
        bytes=lambda d: d["n"] * d["k"] + d["rows"] * (d["k"] + d["n"]) * d["itemsize"],
    ),
    __name__,
    [_NAIVE, _VECTOR, Cuda("v1_rows", "v1_rows.cu", four_rows_per_thread, registers=64)],
)
OPERATORS = (QUANTIZE_ROWS, LINEAR, GRAD)


def int8_quantize_rows(x: Any, *, threshold: float = 0.0, out: Any = None, version: str | None = None) -> Any:
    """Each row as codes from -127 to 127, after setting columns with large values aside.

    absmax = max|x| over the row's elements below the threshold; code = x * (127 / absmax) to the nearest
    whole number, ties to even. Columns in which any |x| reaches the threshold get the code 0. A row with a
    NaN has the scale NaN. Nothing is rounded to float16 on the way: pass float16 for what bitsandbytes gives.

    Args:
        x: […, K]; float32, bfloat16 or float16. A weight [N, K] with threshold 0 gives what `Int8` holds.
        threshold: from which magnitude on a column is left out; 0 for none.
        out: (codes, absmax, outliers) to write to.
        version: a version by name.

    Returns:
        (codes, absmax, outliers): int8 […, K], float32 […], bool [K].

    Raises:
        BadArgument, BadDtype: a shape or a dtype does not fit.

    Source: Dettmers et al. 2022, "LLM.int8()".
    """
    return call(QUANTIZE_ROWS, (x,), (float(threshold),), out, version)


def int8_linear(
    x: Any,
    weight: Int8,
    bias: Any = None,
    *,
    threshold: float = 6.0,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """x times the transpose of an int8 weight, plus a bias.

    x is quantised as in `int8_quantize_rows`; the sums are exact in int32 and scaled by absmax of the row of
    x and of the weight over 127 each. What the columns left out contribute is added in float32, and the
    result is rounded once.

    Args:
        x: […, K]; float32, bfloat16 or float16.
        weight: codes [N, K] and absmax [N].
        bias: [N], of the dtype of x, or None.
        threshold: from which magnitude on a column of x stays in floating point; 0 for none.
        out: where the result goes: […, N], of the dtype of x.
        version: a version by name.

    Returns:
        […, N], of the dtype of x.

    Raises:
        BadArgument, BadDtype: a shape or a dtype does not fit, or K is above 133,144.

    Source: Dettmers et al. 2022, "LLM.int8()".
    """
    return call(LINEAR, (x, weight.codes, weight.absmax, bias), (float(threshold),), out, version)


def int8_linear_grad(grad: Any, weight: Int8, *, out: Any = None, version: str | None = None) -> Any:
    """The gradient of `int8_linear` by x: grad times the dequantised weight, codes * absmax / 127.

    Args:
        grad: […, N]; float32, bfloat16 or float16.
        weight: codes [N, K] and absmax [N].
        out: where the result goes: […, K], of the dtype of grad.
        version: a version by name.

    Returns:
        […, K], of the dtype of grad.

    Raises:
        BadArgument, BadDtype: a shape or a dtype does not fit.

    Source: Dettmers et al. 2022, "LLM.int8()": rounding passes gradients on as they are.
    """
    return call(GRAD, (grad, weight.codes, weight.absmax), (), out, version)
