"""Attention over whole sequences, and its gradient: never a matrix of queries by keys in memory."""

from __future__ import annotations

from typing import Any

from kernels.arrays import as_array
from kernels.call import call
from kernels.errors import BadArgument
from kernels.ops.attention import plans
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Attribute, Dims, Schema, Work
from kernels.toolchain.isa import SIMD

QUERIES, KEYS, VALUES, RESULT = "b hq sq d", "b hk sk d", "b hk sk e", "b hq sq e"
HIDING = [Array("mask", "mb mh sq sk", optional=True), Array("key_mask", "b sk", "bool", optional=True)]
ATTRIBUTES = [Attribute("causal", "bool"), Attribute("scale", "float")]


def _derive(dims: Dims) -> Dims:
    """Refuse what shapes alone cannot express."""
    hq, hk = dims["hq"], dims["hk"]
    if hq != hk and (hk == 0 or hq % hk):
        raise BadArgument(f"attention: q has {hq} heads, k and v have {hk}; hq must be a multiple of hk")
    for size, whole in (("mb", "b"), ("mh", "hq")):
        if dims.get(size, 1) not in (1, dims[whole]):
            raise BadArgument(f"attention: mask says {size} is {dims[size]}; 1 or {dims[whole]} is needed")
    return {}


def _pairs(d: Any) -> float:
    """How many pairs of a query and a key are looked at."""
    sq, sk = d["sq"], d["sk"]
    if not d["causal"]:
        seen = sq * sk
    elif sq <= sk:
        seen = sq * (sk - sq) + sq * (sq + 1) / 2
    else:
        seen = sk * (sk + 1) / 2
    return float(d["b"] * d["hq"] * seen)


def _bytes(d: Any) -> float:
    """Every array once, masks left out."""
    rows = d["b"] * (d["hq"] * d["sq"] + d["hk"] * d["sk"])
    return float(rows * (d["d"] + d["e"]) * d["itemsize"])


ATTENTION = Operator(
    Schema(
        "attention",
        [Array("q", QUERIES), Array("k", KEYS), Array("v", VALUES), *HIDING],
        [Array("out", RESULT), Array("lse", "b hq sq", "f32")],
        ATTRIBUTES,
        derive=_derive,
    ),
    Work(flops=lambda d: _pairs(d) * 2 * (d["d"] + d["e"]), bytes=_bytes),
    __name__,
    [
        Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
        Cpu("v2_flash", "v2_flash.cpp", levels=SIMD),
        Cpu("v3_amx", "v3_amx.cpp", levels=("amx",), dtypes=("bf16",)),
        Cuda("v1_naive", "v1_naive.cu", plans.naive, registers=64),
        Cuda(
            "v2_flash", "v2_flash.cu", plans.flash, registers=255, dtypes=("bf16", "f16"), fits=plans.in_tiles
        ),
        Cuda(
            "v3_wgmma",
            "v3_wgmma.cu",
            plans.warpgroups,
            archs=("sm_90a",),
            registers=168,
            dtypes=("bf16", "f16"),
            fits=plans.in_pieces,
        ),
    ],
)
ATTENTION_GRAD = Operator(
    Schema(
        "attention_grad",
        [
            Array("dout", RESULT),
            Array("q", QUERIES),
            Array("k", KEYS),
            Array("v", VALUES),
            Array("out", RESULT),
            Array("lse", "b hq sq", "f32"),
            *HIDING,
        ],
        [Array("dq", QUERIES), Array("dk", KEYS), Array("dv", VALUES)],
        ATTRIBUTES,
        derive=_derive,
    ),
    Work(flops=lambda d: _pairs(d) * (6 * d["d"] + 4 * d["e"]), bytes=lambda d: 2 * _bytes(d)),
    __name__,
    [
        Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
        Cpu("v2_recompute", "v2_recompute.cpp", levels=SIMD),
        Cuda("v1_naive", "v1_naive.cu", plans.naive_grad, registers=104),
        Cuda(
            "v2_recompute",
            "v2_recompute.cu",
            plans.recompute,
            registers=255,
            dtypes=("bf16", "f16"),
            fits=plans.in_tiles,
        ),
    ],
)
OPERATORS = (ATTENTION, ATTENTION_GRAD)


def attention(
    q: Any,
    k: Any,
    v: Any,
    *,
    causal: bool = False,
    scale: float | None = None,
    mask: Any = None,
    key_mask: Any = None,
    return_lse: bool = False,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """softmax(scale * q k^T + mask) v, per head.

    Args:
        q: [b, hq, sq, d]; float32, bfloat16 or float16.
        k: [b, hk, sk, d], dtype of q; hq is a multiple of hk, and head i of q looks at head i // (hq / hk).
        v: [b, hk, sk, e], dtype of q.
        causal: query i sees keys up to i + sk - sq: the last one sees all; with sq > sk the first see none.
        scale: 1 / sqrt(d) where None.
        mask: added to the logits: [sq, sk], or [b or 1, hq or 1, sq, sk]; dtype of q; -inf gives weight 0.
        key_mask: [b, sk] bool, True where there is a key, False for padding.
        return_lse: give the logarithm of each row's sum of exponentials as well.
        out: where the result goes; a tuple of two with `return_lse`.
        version: a version by name.

    Returns:
        [b, hq, sq, e], dtype of q; with `return_lse` a tuple of it and [b, hq, sq] float32. A query that sees
        no key, or none of weight above 0, gets zeros, and -inf in the second. What a key hidden by `causal`
        or `key_mask` holds, NaN included, has no influence.

    Raises:
        BadArgument, BadDtype: shapes or dtypes do not fit, hq is no multiple of hk.

    Source: Dao 2023 (FlashAttention-2), with the online softmax of Milakov and Gimelshein 2018.
    """
    attributes = (bool(causal), default_scale(q, scale))
    if return_lse:
        return call(ATTENTION, (q, k, v, _four_axes(mask), key_mask), attributes, out, version)
    outs = None if out is None else (out, None)
    found = call(
        ATTENTION, (q, k, v, _four_axes(mask), key_mask), attributes, outs, version, want=(True, False)
    )
    return found[0]


def attention_grad(
    dout: Any,
    q: Any,
    k: Any,
    v: Any,
    out: Any,
    lse: Any,
    *,
    causal: bool = False,
    scale: float | None = None,
    mask: Any = None,
    key_mask: Any = None,
    grads: Any = None,
    version: str | None = None,
) -> tuple[Any, Any, Any]:
    """The gradient of `attention` with regard to q, k and v. There is none for the mask.

    Args:
        dout: gradient with regard to `out`: [b, hq, sq, e], dtype of q.
        q, k, v, causal, scale, mask, key_mask: as they were given to `attention`.
        out, lse: what `attention(..., return_lse=True)` gave.
        grads: a tuple of three arrays that the result goes to.
        version: a version by name.

    Returns:
        dq, dk, dv: shape and dtype of q, k, v. The same bits again for the same number of threads.

    Raises:
        BadArgument, BadDtype: shapes or dtypes do not fit.

    Source: Dao 2023: probabilities again from the log-sum-exp, D = rowsum(dout * out).
    """
    inputs = (dout, q, k, v, out, lse, _four_axes(mask), key_mask)
    found = call(ATTENTION_GRAD, inputs, (bool(causal), default_scale(q, scale)), grads, version)
    return found  # type: ignore[no-any-return]


def default_scale(q: Any, scale: float | None) -> float:
    """What logits are multiplied by: 1 / sqrt(d) unless told."""
    if scale is not None:
        return scale
    shape: Any = getattr(q, "shape", ())
    return float(shape[-1]) ** -0.5 if len(shape) and shape[-1] else 1.0


def _four_axes(mask: Any) -> Any:
    """[sq, sk] as [1, 1, sq, sk]."""
    if mask is None or getattr(mask, "ndim", 2) == 4:
        return mask
    mask = as_array("attention", "mask", mask)
    return mask[None, None] if mask.ndim == 2 else mask
