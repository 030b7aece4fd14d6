"""Drawing the next token from logits: temperature, top-k and top-p (nucleus) in one operator."""

from __future__ import annotations

from typing import Any

from kernels.call import call
from kernels.errors import BadArgument
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Attribute, Schema, Work
from kernels.toolchain.grids import wide_block_per_row
from kernels.toolchain.isa import SIMD

SAMPLE_TOP_P = Operator(
    Schema(
        "sample_top_p",
        [Array("logits", "rows* n"), Array("u", "rows*", "f32")],
        [Array("token", "rows*", "i64")],
        [Attribute("p", "float"), Attribute("temperature", "float"), Attribute("top_k", "int")],
    ),
    Work(
        flops=lambda d: 10 * d["rows"] * d["n"],
        bytes=lambda d: d["rows"] * (d["n"] * d["itemsize"] + 12),
    ),
    __name__,
    [
        Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
        Cpu("v2_bins", "v2_bins.cpp", levels=SIMD),
        Cuda("v1_search", "v1_search.cu", wide_block_per_row, fits=lambda dims: dims["n"] < 1 << 32),
    ],
)
OPERATORS = (SAMPLE_TOP_P,)


def sample_top_p(
    logits: Any,
    u: Any,
    *,
    p: float = 1.0,
    temperature: float = 1.0,
    top_k: int = 0,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """Draw a token per row from the smallest set of likeliest tokens that holds p of the probability.

    A token's weight is exp((logit - largest) / temperature). Tokens are put in order of falling logit, equal
    ones by index. Of these the first top_k are kept (all, if that is 0); of these the shortest beginning, of
    one or more, whose weight is p of theirs or more. The token drawn is the first at which the running sum of
    weights exceeds u times the sum of what is kept: the same u gives the same token.

    Args:
        logits: (..., n); float32, bfloat16 or float16.
        u: (...), float32, one random number per row, evenly distributed from 0 up to, not including, 1.
        p: 0 to 1; 0 keeps the likeliest token alone.
        temperature: 0 or more; 0 keeps the likeliest token alone.
        top_k: 0 for no limit.
        out: where the result goes, shape (...), int64.
        version: a version by name.

    Returns:
        Shape (...), int64: indices into the last axis; -1 for a row with a NaN, of -inf alone, or empty.

    Raises:
        BadArgument, BadDtype: a shape, attribute or dtype does not fit.

    Source: Holtzman et al. 2019.
    """
    if not (0 <= p <= 1 and temperature >= 0 and top_k >= 0):
        raise BadArgument(
            f"sample_top_p: p is {p}, temperature is {temperature}, top_k is {top_k}; "
            "needed: p from 0 to 1, temperature and top_k 0 or more"
        )
    return call(SAMPLE_TOP_P, (logits, u), (p, temperature, top_k), out, version)
