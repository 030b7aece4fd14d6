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


def _optimiser(name: str) -> Callable[[Tensors], Run | None]:
    """On copies of the state: the peer's steps are not ours."""

    def make(c: Tensors) -> Run:
        step, p = torch.ops.bitsandbytes.optimizer_update_8bit_blockwise, c.p.clone()
        codes1, absmax1 = c.codes1.clone(), c.absmax1.clone()
        two = "codes2" in c.inputs
        codes2, values2, absmax2 = (c.codes2.clone(), c.values2, c.absmax2.clone()) if two else (None,) * 3
        rates = (0.9, 0.999, 0.0, 0.0, 1e-8, 3, 1e-4)  # three betas, alpha, epsilon, step, learning rate
        maps = (c.values1, values2, absmax1, absmax2)
        return lambda: step(name, c.g, p, codes1, codes2, *rates, *maps, 0.01, 1.0)

    return make


def _int8_linear(c: Tensors) -> Run:
    """Quantise the rows, multiply, and scale, as its layer does."""
    threshold = c.attributes["threshold"]
    x = c.x.reshape(-1, c.x.shape[-1])
    bnb8 = torch.ops.bitsandbytes

    def run() -> Any:
        codes, scales, columns = bnb8.int8_vectorwise_quant(x.to(torch.float16), threshold)
        found, _ = bnb8.int8_mixed_scaled_mm(x, codes, c.weight, scales, c.weight_absmax, columns, c.bias)
        return found.view(c.out[0].shape)

    return run


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
    "int8_linear": _peer(_int8_linear),
    "adamw_8bit": _peer(_optimiser("adam")),
    "lion_8bit": _peer(_optimiser("lion")),
    "momentum_8bit": _peer(_optimiser("momentum")),
    "rmsprop_8bit": _peer(_optimiser("rmsprop")),
    "adagrad_8bit": _peer(_optimiser("adagrad")),
}
