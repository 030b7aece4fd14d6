"""How bitsandbytes does the quantised operators on a CPU: its library into buffers that exist, where it
has a function for the operator, else its own torch functions.

Its 4-bit products are not called: on a CPU the fused one wants a layout of its own and ends the process where
a size does not suit it, so the peer is what its own layers do instead, dequantising and multiplying.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import bitsandbytes.functional as bnb
import torch
from bitsandbytes.cextension import lib

from kernels.bench.peers import Call, Run
from kernels.bench.peers.torch_peer import Tensors
from kernels.quant.codes import NF4

_KINDS = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


def _library(function: str, tensors: list[Any], sizes: list[int], *found: Any) -> Run:
    """A function of its library on these tensors, of which it writes to `found`."""
    run = getattr(lib, function)
    given = *map(bnb.get_ptr, tensors), *map(ctypes.c_longlong, sizes)

    def call() -> Any:
        run(*given)
        return found if tensors else None  # addresses do not keep tensors alive: this function does

    return call


def _quantize_blockwise(c: Tensors) -> Run:
    """Its codes are not compared: where a value lies near a midpoint it takes either."""
    codes, absmax = map(torch.empty_like, c.out)
    sizes = [c.attributes["blocksize"], c.x.numel()]
    function = f"cquantize_blockwise_cpu_{_KINDS[c.x.dtype]}"
    return _library(function, [c.values, c.x, absmax, codes], sizes, None, absmax)


def _dequantize_blockwise(c: Tensors) -> Run:
    y, sizes = torch.empty_like(c.out[0]), [c.attributes["blocksize"], c.codes.numel()]
    return _library(
        f"cdequantize_blockwise_cpu_{_KINDS[y.dtype]}", [c.values, c.codes, c.absmax, y], sizes, y
    )


def _quantize_4bit(c: Tensors) -> Run:
    options = {"blocksize": c.attributes["blocksize"], "quant_type": c.attributes["quant_type"]}
    return lambda: bnb.quantize_4bit(c.x, **options)[0]


def _kind(c: Tensors) -> str:
    return "nf4" if (c.values.numpy() == NF4).all() else "fp4"


def _weight(c: Tensors) -> Callable[[Any, torch.dtype, list[int]], Any] | None:
    if c.absmax8 is not None:
        return None
    kind = _kind(c)
    decode, size = torch.ops.bitsandbytes.dequantize_4bit, c.attributes["blocksize"]
    return lambda packed, dtype, shape: decode(packed, c.absmax, size, kind, shape, dtype)


def _dequantize_4bit(c: Tensors) -> Run | None:
    if c.absmax8 is not None:
        return None
    y = torch.empty_like(c.out[0])
    sizes = [c.attributes["blocksize"], c.attributes["rows"], c.attributes["columns"]]
    return _library(
        f"cdequantize_blockwise_cpu_{_kind(c)}_{_KINDS[y.dtype]}", [c.packed, c.absmax, y], sizes, y
    )


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


def _ademamix(c: Tensors) -> Run:
    """As `_optimiser`; its two averages of the gradient share an array."""
    step, p = torch.ops.bitsandbytes.optimizer_update_8bit_blockwise, c.p.clone()
    codes1, absmax1 = torch.stack([c.codes1, c.codes3]), torch.stack([c.absmax1, c.absmax3])
    codes2, absmax2 = c.codes2.clone(), c.absmax2.clone()
    rates = (0.9, 0.999, 0.9999, 5.0, 1e-8, 3, 1e-4)
    maps = (c.values1, c.values2, absmax1, absmax2)
    return lambda: step("ademamix", c.g, p, codes1, codes2, *rates, *maps, 0.01, 1.0)


def _int8_quantize_rows(c: Tensors) -> Run:
    """On a copy: it writes to its argument on the way. Its scales are compared, which it inverts before they
    are multiplied by 127: a code beside a tie is another."""
    x, threshold = c.x.reshape(-1, c.x.shape[-1]).clone(), c.attributes["threshold"]
    return lambda: (None, torch.ops.bitsandbytes.int8_vectorwise_quant(x, threshold)[1])


def _int8_linear(c: Tensors) -> Run:
    """Quantise the rows, multiply, and scale, as its layer does."""
    threshold = c.attributes["threshold"]
    x = c.x.reshape(-1, c.x.shape[-1])
    bnb8, given = torch.ops.bitsandbytes, torch.empty_like(x)  # it writes to what it quantises

    def run() -> Any:
        codes, scales, columns = bnb8.int8_vectorwise_quant(given.copy_(x), threshold)
        found, _ = bnb8.int8_mixed_scaled_mm(x, codes, c.weight, scales, c.weight_absmax, columns, c.bias)
        return found.view(c.out[0].shape)

    return run


def _int8_linear_grad(c: Tensors) -> Run:
    """Dequantise and multiply, as its layer's backward pass does."""
    scales = c.weight_absmax[:, None] / 127
    return lambda: torch.matmul(c.grad, c.weight.to(c.grad.dtype).mul_(scales))


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
    "int8_quantize_rows": _peer(_int8_quantize_rows),
    "int8_linear": _peer(_int8_linear),
    "int8_linear_grad": _peer(_int8_linear_grad),
    "ademamix_8bit": _peer(_ademamix),
    "adamw_8bit": _peer(_optimiser("adam")),
    "lion_8bit": _peer(_optimiser("lion")),
    "momentum_8bit": _peer(_optimiser("momentum")),
    "rmsprop_8bit": _peer(_optimiser("rmsprop")),
    "adagrad_8bit": _peer(_optimiser("adagrad")),
}
