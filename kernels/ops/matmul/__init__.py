"""Matrix products: in floating point, in int8 with scales, and of tokens grouped by expert."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.arrays import as_array
from kernels.call import call
from kernels.dtypes import name_of
from kernels.errors import BadArgument, BadDtype
from kernels.ops.matmul import plans
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Attribute, Dims, Schema, Work
from kernels.toolchain.grids import thread_per
from kernels.toolchain.isa import SIMD

BF16 = ("bf16_bf16", "bf16_f32")
HALVES = ("bf16_bf16", "f16_f16", "bf16_f32", "f16_f32")
FLOATS = ("f32_f32", *HALVES)
K_MAX = 131_071  # products of int8 reach 2^14: more of them could overflow int32


def _same(op: str, k: int, other: int) -> int:
    if k != other:
        raise BadArgument(f"{op}: the rows of a have {k} elements, the columns of b {other}")
    return k


def _derive(d: Dims) -> Dims:
    m, k = (d["ak"], d["am"]) if d["transpose_a"] else (d["am"], d["ak"])
    other, n = (d["bn"], d["bk"]) if d["transpose_b"] else (d["bk"], d["bn"])
    if d["matrices"] not in (1, d["batch"]):
        raise BadArgument(
            f"matmul: a holds {d['batch']} matrices, b {d['matrices']}; b needs as many, or one"
        )
    if d.setdefault("n", n) != n:
        raise BadArgument(f"matmul: bias has {d['n']} elements; the result has {n} columns")
    return {"m": m, "n": n, "k": _same("matmul", k, other)}


def _derive_grouped(d: Dims) -> Dims:
    other, n = (d["wn"], d["wk"]) if d["transpose_w"] else (d["wk"], d["wn"])
    return {"n": n, "k": _same("grouped_matmul", d["k"], other)}


def _derive_int8(d: Dims) -> Dims:
    other, n = (d["bn"], d["bk"]) if d["transpose_b"] else (d["bk"], d["bn"])
    if d["n"] != n:
        raise BadArgument(f"matmul_int8: b_scale has {d['n']} elements; the result has {n} columns")
    if d["k"] > K_MAX:
        raise BadArgument(f"matmul_int8: k is {d['k']}; up to {K_MAX:,} the sums fit into int32")
    return {"k": _same("matmul_int8", d["k"], other)}


MATMUL = Operator(
    Schema(
        "matmul",
        [Array("a", "batch* am ak"), Array("b", "matrices* bk bn"), Array("bias", "n", optional=True)],
        [Array("out", "batch* m n", "O")],
        [Attribute("transpose_a", "bool"), Attribute("transpose_b", "bool"), Attribute("alpha", "float")],
        dtypes={"T": ("f32", "bf16", "f16"), "O": ("f32", "bf16", "f16")},
        derive=_derive,
    ),
    Work(
        flops=lambda d: 2 * d["batch"] * d["m"] * d["n"] * d["k"],
        bytes=lambda d: (
            (d["batch"] * d["m"] * (d["k"] + d["n"]) + d["matrices"] * d["k"] * d["n"]) * d["itemsize"]
        ),
        arithmetic="T",
    ),
    __name__,
    [
        Cpu("v1_naive", "v1_naive.c", dtypes=("f32_f32",)),
        Cpu("v2_blocked", "v2_blocked.cpp", levels=(*SIMD, "vnni"), dtypes=FLOATS),
        Cpu("v3_bf16", "v3_bf16.cpp", levels=("bf16",), dtypes=BF16),
        Cpu("v3_amx", "v3_amx.cpp", levels=("amx",), dtypes=BF16),
        Cuda("v1_naive", "v1_naive.cu", thread_per("batch", "m", "n"), dtypes=FLOATS),
        Cuda("v2_tiles", "v2_tiles.cu", plans.tiles, registers=176, dtypes=("f32_f32",)),
        Cuda(
            "v3_tf32",
            "v3_tf32.cu",
            plans.ring_tf32,
            registers=255,
            dtypes=("f32_f32",),
            fits=plans.in_pieces_of_f32,
            by_name=True,
        ),
        Cuda("v2_mma", "v2_mma.cu", plans.ring, dtypes=HALVES),
        Cuda(
            "v3_wgmma",
            "v3_wgmma.cu",
            plans.warpgroups,
            archs=("sm_90a",),
            registers=168,
            dtypes=HALVES,
            fits=plans.in_pieces,
        ),
    ],
)
GROUPED = Operator(
    Schema(
        "grouped_matmul",
        [Array("x", "tokens k"), Array("w", "experts wk wn"), Array("ends", "experts", "i64")],
        [Array("out", "tokens n")],
        [Attribute("transpose_w", "bool")],
        derive=_derive_grouped,
    ),
    Work(
        flops=lambda d: 2 * d["tokens"] * d["n"] * d["k"],
        bytes=lambda d: (
            (d["tokens"] * (d["k"] + d["n"]) + min(d["experts"], d["tokens"]) * d["k"] * d["n"])
            * d["itemsize"]
        ),
        arithmetic="T",
    ),
    __name__,
    [
        Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
        Cpu("v2_blocked", "v2_blocked.cpp", levels=(*SIMD, "vnni")),
        Cpu("v3_bf16", "v3_bf16.cpp", levels=("bf16",), dtypes=("bf16",)),
        Cpu("v3_amx", "v3_amx.cpp", levels=("amx",), dtypes=("bf16",)),
        Cuda("v1_naive", "v1_naive.cu", thread_per("tokens", "n")),
        Cuda("v2_tiles", "v2_tiles.cu", plans.tiles_of_groups, registers=176, dtypes=("f32",)),
        Cuda("v2_mma", "v2_mma.cu", plans.ring_of_groups, dtypes=("bf16", "f16")),
        Cuda(
            "v3_wgmma",
            "v3_wgmma.cu",
            plans.warpgroups_of_groups,
            archs=("sm_90a",),
            registers=168,
            dtypes=("bf16", "f16"),
            fits=plans.in_pieces_of_groups,
        ),
    ],
)
INT8 = Operator(
    Schema(
        "matmul_int8",
        [
            Array("a", "rows* k", "i8"),
            Array("b", "bk bn", "i8"),
            Array("a_scale", "rows*", "f32"),
            Array("b_scale", "n", "f32"),
            Array("bias", "n", "f32", optional=True),
        ],
        [Array("out", "rows* n", "O")],
        [Attribute("transpose_b", "bool")],
        dtypes={"O": ("f32", "bf16")},
        derive=_derive_int8,
    ),
    Work(
        flops=lambda d: 2 * d["rows"] * d["n"] * d["k"],
        bytes=lambda d: d["rows"] * d["k"] + d["k"] * d["n"] + 4 * d["rows"] * d["n"],
        arithmetic="i8",
    ),
    __name__,
    [
        Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
        Cpu("v2_blocked", "v2_blocked.cpp", levels=(*SIMD, "vnni")),
        Cpu("v3_amx", "v3_amx.cpp", levels=("amx",)),
        Cuda("v1_naive", "v1_naive.cu", thread_per("rows", "n")),
        Cuda("v2_mma", "v2_mma.cu", plans.ring_int8),
    ],
)
OPERATORS = (MATMUL, GROUPED, INT8)

_TYPES: dict[Any, tuple[tuple[str, str], ...]] = {}


def _result(dtype: Any) -> tuple[tuple[str, str], ...]:
    """The type variable O, kept by dtype: working it out takes longer than a look-up."""
    found = _TYPES.get(dtype)
    if found is None:
        found = _TYPES[dtype] = (("O", name_of(np.dtype(dtype))),)
    return found


def matmul(
    a: Any,
    b: Any,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    bias: Any = None,
    alpha: float = 1.0,
    dtype: Any = None,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """alpha · a b + bias, one product per leading index.

    Args:
        a: […, m, k], or […, k, m] with `transpose_a`; float32, bfloat16 or float16.
        b: […, k, n] with the leading axes of a, or [k, n] for all of them; the dtype of a.
        transpose_a, transpose_b: the last two axes change places. A transposed view costs a copy.
        bias: [n], added to every row; a's dtype.
        alpha: a factor of the product.
        dtype: of the result: a's (unless `out` has another), or float32.
        out: where the result goes: […, m, n].
        version: a version by name. "v3_tf32", for float32 on a card, rounds a and b to ten bits behind the
            leading one; it is taken in no other way.

    Returns:
        […, m, n]. Sums are float32 and rounded once; subnormal bfloat16 may count as 0 (AMX, AVX-512 BF16).

    Raises:
        BadArgument, BadDtype: shapes or dtypes do not fit.

    Source: Goto, van de Geijn 2008; Van Zee, van de Geijn 2015 (BLIS).
    """
    a, b = as_array("matmul", "a", a), as_array("matmul", "b", b)
    if b.ndim > 2 and b.shape[:-2] != a.shape[:-2]:
        raise BadArgument(f"matmul: the leading axes of a are {a.shape[:-2]}, those of b {b.shape[:-2]}")
    if dtype is None:
        dtype = a.dtype if out is None else as_array("matmul", "out", out).dtype
    types = _result(dtype)
    if dtype != a.dtype and types[0][1] != "f32":
        raise BadDtype(f"matmul: the result is to be {np.dtype(dtype)}; allowed: float32, {a.dtype} like a")
    return call(MATMUL, (a, b, bias), (transpose_a, transpose_b, alpha), out, version, types)


def grouped_matmul(
    x: Any, w: Any, ends: Any, *, transpose_w: bool = False, out: Any = None, version: str | None = None
) -> Any:
    """Tokens that are sorted by expert, each times the matrix of its expert (mixture of experts).

    Args:
        x: [tokens, k]; float32, bfloat16 or float16.
        w: [experts, k, n], or [experts, n, k] with `transpose_w`; x's dtype.
        ends: [experts] int64; expert e has the tokens from ends[e-1] (0 for the first) up to ends[e].
        out: where the result goes.

    Returns:
        [tokens, n] in x's dtype; 0 for tokens behind the last end.

    Raises:
        BadArgument, BadDtype: shapes or dtypes do not fit, or ends decrease or pass the number of tokens.

    Source: Gale et al. 2022 (MegaBlocks).
    """
    return call(GROUPED, (x, w, ends), (transpose_w,), out, version)


def matmul_int8(
    a: Any,
    b: Any,
    a_scale: Any,
    b_scale: Any,
    *,
    bias: Any = None,
    transpose_b: bool = False,
    dtype: Any = None,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """(a b) · a_scale per row · b_scale per column + bias, the product of int8 exact in int32.

    Args:
        a: […, k] int8.
        b: [k, n] int8, or [n, k] with `transpose_b`.
        a_scale: […] float32, a factor per row of a.
        b_scale: [n] float32, a factor per column.
        bias: [n] float32.
        dtype: of the result: float32 (unless `out` has another), or bfloat16.
        out: where the result goes: […, n].

    Returns:
        […, n]

    Raises:
        BadArgument, BadDtype: shapes or dtypes do not fit, or k is above 131,071.

    Source: Dettmers et al. 2022 (LLM.int8()).
    """
    if dtype is None:
        dtype = np.float32 if out is None else as_array("matmul_int8", "out", out).dtype
    return call(INT8, (a, b, a_scale, b_scale, bias), (transpose_b,), out, version, _result(dtype))
