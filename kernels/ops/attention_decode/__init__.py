"""Attention of one new query, or a few, per sequence to a cache of keys and values."""

from __future__ import annotations

from typing import Any

from kernels.call import call
from kernels.errors import BadArgument
from kernels.ops.attention import default_scale
from kernels.ops.attention_decode import plans
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Attribute, Dims, Schema, Work
from kernels.toolchain.isa import SIMD

OUTPUTS = [Array("out", "b hq n e"), Array("lse", "b hq n", "f32")]
VERSIONS = [
    Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
    Cpu("v2_split", "v2_split.cpp", levels=SIMD),
    Cuda("v1_naive", "v1_naive.cu", plans.naive, registers=64),
    Cuda("v2_split", "v2_split.cu", plans.split, registers=80, fits=plans.query_fits),
]


def _derive(dims: Dims) -> Dims:
    """Refuse what shapes alone cannot express."""
    hq, hk = dims["hq"], dims["hk"]
    if hq != hk and (hk == 0 or hq % hk):
        raise BadArgument(f"attention_decode: q has {hq} heads, the cache {hk}; hq must be a multiple of hk")
    if dims.get("size") == 0 and dims.get("most"):
        raise BadArgument(
            f"attention_decode_paged: table has {dims['most']} blocks of 0 keys; 1 or more are needed"
        )
    return {}


def _work(keys: Any) -> Work:
    """For full caches: the cache is read once."""
    return Work(
        flops=lambda d: 2.0 * d["b"] * d["hq"] * d["n"] * keys(d) * (d["d"] + d["e"]),
        bytes=lambda d: d["b"] * (d["hk"] * keys(d) + d["hq"] * d["n"]) * (d["d"] + d["e"]) * d["itemsize"],
    )


ATTENTION_DECODE = Operator(
    Schema(
        "attention_decode",
        [
            Array("q", "b hq n d"),
            Array("k", "b hk cap d"),
            Array("v", "b hk cap e"),
            Array("lengths", "b", "i32", optional=True),
        ],
        OUTPUTS,
        [Attribute("scale", "float")],
        derive=_derive,
    ),
    _work(lambda d: d["cap"]),
    __name__,
    VERSIONS,
)
ATTENTION_DECODE_PAGED = Operator(
    Schema(
        "attention_decode_paged",
        [
            Array("q", "b hq n d"),
            Array("k", "blocks size hk d"),
            Array("v", "blocks size hk e"),
            Array("table", "b most", "i32"),
            Array("lengths", "b", "i32"),
        ],
        OUTPUTS,
        [Attribute("scale", "float")],
        derive=_derive,
    ),
    _work(lambda d: d["most"] * d["size"]),
    __name__,
    VERSIONS,
)
OPERATORS = (ATTENTION_DECODE, ATTENTION_DECODE_PAGED)


def attention_decode(
    q: Any,
    k: Any,
    v: Any,
    lengths: Any = None,
    *,
    scale: float | None = None,
    return_lse: bool = False,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """softmax(scale * q k^T) v over the keys that each sequence has so far.

    Args:
        q: [b, hq, n, d], the newest n positions of each sequence; float32, bfloat16 or float16.
        k: [b, hk, cap, d], dtype of q; hq is a multiple of hk, and head i of q looks at head i // (hq / hk).
        v: [b, hk, cap, e], dtype of q.
        lengths: [b] int32, keys per sequence, those of q's positions included; cap each where None. What
            stands behind them in the cache is not read.
        scale: 1 / sqrt(d) where None.
        return_lse: give the logarithm of each row's sum of exponentials as well: with it results over parts
            of a cache can be combined.
        out: where the result goes; a tuple of two with `return_lse`.
        version: a version by name.

    Returns:
        [b, hq, n, e], dtype of q; query i sees the first length - n + 1 + i keys, and gets zeros where that
        is none. With `return_lse` a tuple of it and [b, hq, n] float32. The same bits for any number of
        threads.

    Raises:
        BadArgument, BadDtype: shapes or dtypes do not fit, hq is no multiple of hk, a length is not in 0..cap
            (on a card the nearest length in range counts).

    Source: Dao et al. 2023 (Flash-Decoding): parts of the keys apart, combined by their log-sum-exp.
    """
    return _either(ATTENTION_DECODE, (q, k, v, lengths), scale, return_lse, out, version)


def attention_decode_paged(
    q: Any,
    k: Any,
    v: Any,
    table: Any,
    lengths: Any,
    *,
    scale: float | None = None,
    return_lse: bool = False,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """`attention_decode` where the keys and values of a sequence lie in blocks anywhere in a common store.

    Args:
        q, scale, return_lse, out, version: as for `attention_decode`.
        k: [blocks, size, hk, d]; `size` positions to a block.
        v: [blocks, size, hk, e].
        table: [b, most] int32: the blocks of each sequence in their order. Entries behind those that its
            length needs may be anything.
        lengths: [b] int32, up to most * size.

    Returns:
        As `attention_decode`.

    Raises:
        BadArgument, BadDtype: as `attention_decode`; also a block that is needed and not in 0..blocks - 1
            (on a card the keys of such a block count as not there).

    Source: Kwon et al. 2023 (PagedAttention).
    """
    return _either(ATTENTION_DECODE_PAGED, (q, k, v, table, lengths), scale, return_lse, out, version)


def _either(
    operator: Operator, inputs: Any, scale: float | None, return_lse: bool, out: Any, version: str | None
) -> Any:
    attributes = (default_scale(inputs[0], scale),)
    if return_lse:
        return call(operator, inputs, attributes, out, version)
    outs = None if out is None else (out, None)
    return call(operator, inputs, attributes, outs, version, want=(True, False))[0]
