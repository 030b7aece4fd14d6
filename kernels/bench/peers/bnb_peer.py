"""How bitsandbytes does the quantised operators on a CPU, through its own torch functions.

Its 4-bit products are not called: on a CPU the fused one wants a layout of its own and ends the process where
a size does not suit it, so the peer is what its own layers do instead, dequantising and multiplying.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bitsandbytes.functional as bnb
import torch

from kernels.bench.peers import Call, Run
from kernels.bench.peers.torch_peer import Tensors
from kernels.quant.codes import NF4


def _quantize_blockwise(c: Tensors) -> Run:
    size = c.attributes["blocksize"]
    return lambda: bnb.quantize_blockwise(c.x, code=c.values, absmax=c.out[1], out=c.out[0], blocksize=size)[
        :1
    ]


def _dequantize_blockwise(c: Tensors) -> Run:
    size = c.attributes["blocksize"]
    return lambda: bnb.dequantize_blockwise(
        c.codes, absmax=c.absmax, code=c.values, out=c.out[0], blocksize=size
    )


def _quantize_4bit(c: Tensors) -> Run:
    options = {"blocksize": c.attributes["blocksize"], "quant_type": c.attributes["quant_type"]}
    return lambda: bnb.quantize_4bit(c.x, **options)[0]


def _weight(c: Tensors) -> Callable[[Any, torch.dtype, list[int]], Any] | None:
    if c.absmax8 is not None:
        return None
    kind = "nf4" if (c.values.numpy() == NF4).all() else "fp4"
    decode, size = torch.ops.bitsandbytes.dequantize_4bit, c.attributes["blocksize"]
    return lambda packed, dtype, shape: decode(packed, c.absmax, size, kind, shape, dtype)


def _dequantize_4bit(c: Tensors) -> Run | None:
    weight, shape = _weight(c), [c.attributes["rows"], c.attributes["columns"]]
    return weight and (lambda: weight(c.packed, c.out[0].dtype, shape))


def _gemm_4bit(c: Tensors) -> Run | None:
    weight, shape = _weight(c), [c.attributes["n"], c.x.shape[-1]]
    return weight and (lambda: torch.nn.functional.linear(c.x, weight(c.packed, c.x.dtype, shape), c.bias))


def _peer(make: Callable[[Tensors], Run | None]) -> Callable[[Call], Run | None]:
    def peer(call: Call) -> Run | None:
        torch.set_num_threads(call.threads)
        return make(Tensors(call))

    return peer


PEERS = {
    "quantize_blockwise": _peer(_quantize_blockwise),
    "dequantize_blockwise": _peer(_dequantize_blockwise),
    "quantize_4bit": _peer(_quantize_4bit),
    "dequantize_4bit": _peer(_dequantize_4bit),
    "gemm_4bit": _peer(_gemm_4bit),
}
