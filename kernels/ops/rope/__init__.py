"""Rotary position embedding and its gradient, the rotation back."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.arrays import as_array, is_cupy
from kernels.call import call
from kernels.dtypes import FLOATS
from kernels.errors import BadArgument
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Attribute, Dims, Schema, Work
from kernels.toolchain.grids import eight_pairs, pairs
from kernels.toolchain.isa import SIMD

TOKENS, TABLE = "batch* n heads d", "length half"
VERSIONS = [
    Cpu("v1_naive", "v1_naive.c", dtypes=("f32_i64", "f32_i32")),
    Cpu("v2_vector", "v2_vector.cpp", levels=SIMD),
    Cuda("v1_pairs", "v1_pairs.cu", pairs, registers=64),
    Cuda(
        "v2_eights",
        "v2_eights.cu",
        eight_pairs,
        registers=96,
        fits=lambda dims: dims["half"] % 8 == 0 and dims["d"] % 8 == 0,
    ),
]


def _derive(dims: Dims) -> Dims:
    """Refuse what shapes alone cannot express."""
    if 2 * dims["half"] > dims["d"]:
        raise BadArgument(
            f"rope: cos has {dims['half']} columns, which turn {2 * dims['half']} values; "
            f"the last axis of x has {dims['d']}"
        )
    if dims["offset"] < 0:
        raise BadArgument(f"rope: offset is {dims['offset']}; 0 or more is needed")
    return {}


def _operator(name: str, given: str, result: str) -> Operator:
    return Operator(
        Schema(
            name,
            [
                Array(given, TOKENS),
                Array("cos", TABLE, "f32"),
                Array("sin", TABLE, "f32"),
                Array("positions", "batch* n", "I", optional=True),
            ],
            [Array(result, TOKENS)],
            [Attribute("offset", "int"), Attribute("style", "choice", ("half", "interleaved"))],
            dtypes={"T": FLOATS, "I": ("i64", "i32")},
            derive=_derive,
            in_place=True,
        ),
        Work(
            flops=lambda d: 6 * d["batch"] * d["n"] * d["heads"] * d["half"],
            bytes=lambda d: (
                2 * d["batch"] * d["n"] * d["heads"] * d["d"] * d["itemsize"] + 8 * d["n"] * d["half"]
            ),
        ),
        __name__,
        VERSIONS,
    )


ROPE = _operator("rope", "x", "y")
ROPE_GRAD = _operator("rope_grad", "dy", "dx")
OPERATORS = (ROPE, ROPE_GRAD)


def rope(
    x: Any,
    cos: Any,
    sin: Any,
    positions: Any = None,
    *,
    offset: int = 0,
    style: str = "half",
    seq_axis: int = -2,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """Turn pairs of values by an angle that grows with their token's position.

    The pair (a, b) number j of a token at position t becomes (a c - b s, b c + a s), c = cos[t, j] and
    s = sin[t, j]. Usually cos[t, j] = cos(t θ) with θ = 10000^(-j / half); the tables are arguments so that
    every scaling of the angles is served.

    Args:
        x: (..., heads, n, d), or (..., n, heads, d) with `seq_axis=-3`; float32, bfloat16 or float16.
            Computed in float32. Where 2 half < d, the last d - 2 half values of each head stay as they are.
        cos, sin: (length, half), float32.
        positions: int64 or int32, of a shape that broadcasts to x's without its last axis (and, with
            `seq_axis=-3`, without the heads); None for 0, 1, … along n.
        offset: added to every position: how many tokens a cache holds already.
        style: "half" pairs value j with j + half (GPT-NeoX, LLaMA in transformers); "interleaved" pairs 2 j
            with 2 j + 1 (GPT-J, the original).
        seq_axis: which axis counts tokens, -2 or -3.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x.

    Raises:
        BadArgument, BadDtype: a shape, attribute or dtype does not fit, or a position is not in the tables
            (on a card, which cannot raise, what is turned by it is NaN).

    Source: Su et al. 2021.
    """
    return _turn(ROPE, x, cos, sin, positions, (offset, style), seq_axis, out, version)


def rope_grad(
    dy: Any,
    cos: Any,
    sin: Any,
    positions: Any = None,
    *,
    offset: int = 0,
    style: str = "half",
    seq_axis: int = -2,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """The gradient of `rope`: (a c + b s, b c - a s), the rotation back where cos² + sin² = 1.

    Args:
        dy: gradient of the result of `rope`, its shape and dtype.
        cos, sin, positions, offset, style, seq_axis: as in `rope`.
        out: where the gradient goes, shape and dtype of dy; may be dy.
        version: a version by name.

    Returns:
        Shape and dtype of dy.

    Raises:
        BadArgument, BadDtype: as `rope`.
    """
    return _turn(ROPE_GRAD, dy, cos, sin, positions, (offset, style), seq_axis, out, version)


def _turn(
    operator: Operator,
    x: Any,
    cos: Any,
    sin: Any,
    positions: Any,
    attributes: tuple[Any, ...],
    seq_axis: int,
    out: Any,
    version: str | None,
) -> Any:
    """With the heads behind the tokens: where they stand before, an axis of one head is put behind."""
    if seq_axis not in (-2, -3):
        raise BadArgument(f"{operator.name}: seq_axis is {seq_axis}; -2 or -3 is needed")
    types = (("I", "i64"),) if positions is None else ()
    if seq_axis == -3 and positions is None:
        return call(operator, (x, cos, sin, None), attributes, out, version, types)
    x = as_array(operator.name, "x", x)
    if positions is not None:
        positions = _broadcast(operator.name, positions, x.shape[: seq_axis + 1])
    if seq_axis == -3:
        return call(operator, (x, cos, sin, positions), attributes, out, version)
    target = None if out is None else as_array(operator.name, "out", out)[..., None, :]
    found = call(operator, (x[..., None, :], cos, sin, positions), attributes, target, version, types)
    return found[..., 0, :] if out is None else out


def _broadcast(op: str, positions: Any, shape: tuple[int, ...]) -> Any:
    positions = as_array(op, "positions", positions)
    if positions.shape == shape:
        return positions
    try:
        if is_cupy(positions):
            import cupy

            return cupy.broadcast_to(positions, shape)
        return np.broadcast_to(positions, shape)
    except ValueError:
        raise BadArgument(
            f"{op}: positions has shape {positions.shape}, which does not broadcast to {shape}"
        ) from None
