"""How torch does the operators: eager, with `out=` where it has one, on the same buffers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - everybody's name for it

from kernels.bench.peers import Call, Run
from kernels.dtypes import BY_NAME

torch.set_grad_enabled(False)


class Tensors:
    """A call's arrays as torch's views of the same memory: inputs by name, `out` for the outputs."""

    def __init__(self, call: Call) -> None:
        self.attributes = call.attributes
        self.inputs = {name: tensor(value) for name, value in call.inputs.items()}
        self.out = [tensor(each) for each in call.outs]

    def __getattr__(self, name: str) -> Any:
        return self.inputs[name]


def tensor(array: Any) -> Any:
    """None stays None. torch reads no bfloat16 from NumPy but its bits."""
    if array is None:
        return None
    if array.dtype == BY_NAME["bf16"]:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _peer(make: Callable[[Tensors], Run | None]) -> Callable[[Call], Run | None]:
    def peer(call: Call) -> Run | None:
        torch.set_num_threads(call.threads)
        return make(Tensors(call))

    return peer


def _backward(forward: Callable[..., Any], wanted: list[Any], gradient: Any) -> Run:
    """The backward pass alone: the graph is made once and kept."""
    with torch.enable_grad():
        leaves = [each.detach().requires_grad_() for each in wanted]
        result = forward(*leaves)
    return lambda: torch.autograd.grad(result, leaves, gradient, retain_graph=True)


def _layer_norm_grad(c: Tensors) -> Run:
    shape, mask = list(c.x.shape[-1:]), [each is not None for each in c.out]
    bias = None if c.weight is None else torch.zeros_like(c.weight)
    _, mean, rstd = torch.native_layer_norm(c.x, shape, c.weight, bias, c.attributes["eps"])
    backward = torch.ops.aten.native_layer_norm_backward
    return lambda: backward(c.dy, c.x, shape, mean, rstd, c.weight, bias, mask)


def _rms_norm_grad(c: Tensors) -> Run:
    wanted = [c.x] if c.weight is None else [c.x, c.weight]
    eps = c.attributes["eps"]
    return _backward(lambda x, w=None: F.rms_norm(x, x.shape[-1:], w, eps), wanted, c.dy)


def _cross_entropy(c: Tensors) -> Run:
    targets, ignored = c.targets.long(), c.attributes["ignore_index"]
    return lambda: F.cross_entropy(c.logits, targets, ignore_index=ignored, reduction="none")


def _cross_entropy_grad(c: Tensors) -> Run:
    """Forward and backward, as ours: the gradient needs the softmax."""
    targets, ignored = c.targets.long(), c.attributes["ignore_index"]
    gradient = torch.ones(targets.shape) if c.dloss is None else c.dloss

    def run() -> Any:
        with torch.enable_grad():
            leaf = c.logits.detach().requires_grad_()
            loss = F.cross_entropy(leaf, targets, ignore_index=ignored, reduction="none")
        return torch.autograd.grad(loss, [leaf], gradient)

    return run


def _cumulative(function: Callable[..., Any]) -> Callable[[Tensors], Run | None]:
    return lambda c: None if c.attributes["exclusive"] else lambda: function(c.x, -1)


def _matmul(c: Tensors) -> Run | None:
    options = c.attributes
    a = c.a.transpose(-1, -2) if options["transpose_a"] else c.a
    b = c.b.transpose(-1, -2) if options["transpose_b"] else c.b
    if c.bias is not None or options["alpha"] != 1 or a.dtype != c.out[0].dtype:
        return None
    return lambda: torch.matmul(a, b, out=c.out[0])


def _attention(c: Tensors) -> Run | None:
    causal = bool(c.attributes["causal"])
    if c.key_mask is not None or (causal and c.q.shape[2] != c.k.shape[2]):
        return None  # torch aligns the mask to the other corner
    options = {
        "is_causal": causal,
        "scale": c.attributes["scale"],
        "enable_gqa": c.q.shape[1] != c.k.shape[1],
    }
    return lambda: F.scaled_dot_product_attention(c.q, c.k, c.v, attn_mask=c.mask, **options)


def _attention_grad(c: Tensors) -> Run | None:
    causal = bool(c.attributes["causal"])
    if c.key_mask is not None or (causal and c.q.shape[2] != c.k.shape[2]):
        return None
    options = {
        "is_causal": causal,
        "scale": c.attributes["scale"],
        "enable_gqa": c.q.shape[1] != c.k.shape[1],
    }
    return _backward(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=c.mask, **options),
        [c.q, c.k, c.v],
        c.dout,
    )


def _elementwise(function: Callable[[Any], Any]) -> Callable[[Tensors], Run]:
    return lambda c: lambda: function(c.x)


def _reduction(function: Callable[[Any, int], Any]) -> Callable[[Tensors], Run]:
    return lambda c: lambda: function(c.x, 1)


_MAKERS: dict[str, Callable[[Tensors], Run | None]] = {
    "softmax": lambda c: lambda: torch.softmax(c.x, -1, out=c.out[0]),
    "log_softmax": lambda c: lambda: torch.log_softmax(c.x, -1, out=c.out[0]),
    "softmax_grad": lambda c: lambda: torch._softmax_backward_data(c.dy, c.y, -1, c.y.dtype),
    "log_softmax_grad": lambda c: lambda: torch._log_softmax_backward_data(c.dy, c.y, -1, c.y.dtype),
    "layer_norm": lambda c: lambda: F.layer_norm(c.x, c.x.shape[-1:], c.weight, c.bias, c.attributes["eps"]),
    "layer_norm_grad": _layer_norm_grad,
    "rms_norm": lambda c: lambda: F.rms_norm(c.x, c.x.shape[-1:], c.weight, c.attributes["eps"]),
    "rms_norm_grad": _rms_norm_grad,
    "cross_entropy": _cross_entropy,
    "cross_entropy_grad": _cross_entropy_grad,
    "top_k": lambda c: lambda: torch.topk(c.x, c.attributes["k"], -1),
    "argmax": lambda c: lambda: torch.argmax(c.x, -1),
    "reduce_sum": _reduction(torch.sum),
    "reduce_mean": _reduction(torch.mean),
    "reduce_prod": _reduction(torch.prod),
    "reduce_max": _reduction(torch.amax),
    "reduce_min": _reduction(torch.amin),
    "reduce_l2": _reduction(lambda x, axis: torch.linalg.vector_norm(x, 2, axis)),
    "cumsum": _cumulative(torch.cumsum),
    "cumprod": _cumulative(torch.cumprod),
    "cummax": _cumulative(lambda x, axis: torch.cummax(x, axis)[0]),
    "transpose": lambda c: lambda: c.out[0].copy_(c.x.transpose(-1, -2)),
    "matmul": _matmul,
    "attention": _attention,
    "attention_grad": _attention_grad,
    "gelu": _elementwise(F.gelu),
    "gelu_tanh": _elementwise(lambda x: F.gelu(x, approximate="tanh")),
    "relu": _elementwise(F.relu),
    "silu": _elementwise(F.silu),
    "sigmoid": _elementwise(torch.sigmoid),
    "tanh": _elementwise(torch.tanh),
    "softplus": _elementwise(F.softplus),
    "mish": _elementwise(F.mish),
    "hardswish": _elementwise(F.hardswish),
    "swiglu": lambda c: lambda: torch.mul(F.silu(c.gate), c.up, out=c.out[0]),
}
PEERS = {name: _peer(make) for name, make in _MAKERS.items()}
