"""How torch does the operators: eager, with `out=` where it has one, on the same buffers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - everybody's name for it

from kernels.arrays import is_cupy
from kernels.bench.peers import Call, Run
from kernels.dtypes import BY_NAME

torch.set_grad_enabled(False)
aten = torch.ops.aten


class Tensors:
    """A call's arrays as torch's views of the same memory: inputs by name, `out` for the outputs."""

    def __init__(self, call: Call) -> None:
        self.attributes = call.attributes
        self.inputs = {name: tensor(value) for name, value in call.inputs.items()}
        self.out = [tensor(each) for each in call.outs]

    def __getattr__(self, name: str) -> Any:
        return self.inputs[name]


def tensor(array: Any) -> Any:
    """None stays None. torch reads no bfloat16 from NumPy but its bits, nor from CuPy."""
    if array is None:
        return None
    if is_cupy(array):
        if array.dtype == BY_NAME["bf16"]:
            return torch.utils.dlpack.from_dlpack(array.view(np.int16)).view(torch.bfloat16)
        return torch.utils.dlpack.from_dlpack(array)
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
    backward = aten.native_layer_norm_backward
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
    gradient = torch.ones(targets.shape, device=targets.device) if c.dloss is None else c.dloss

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


def _decode(c: Tensors) -> Run | None:
    if c.lengths is not None:
        return None
    options = {"scale": c.attributes["scale"], "enable_gqa": c.q.shape[1] != c.k.shape[1]}
    return lambda: F.scaled_dot_product_attention(c.q, c.k, c.v, **options)


def _decode_paged(c: Tensors) -> Run | None:
    """The blocks put together, then attention: torch reads no table. Sequences of one length go together."""
    (length, *others), size = set(c.lengths.tolist()), c.k.shape[1]
    if others:
        return None
    blocks = c.table[:, : -(-length // size)].long()
    options = {"scale": c.attributes["scale"], "enable_gqa": c.q.shape[1] != c.k.shape[2]}

    def run() -> Any:
        k, v = (store[blocks].flatten(1, 2)[:, :length].transpose(1, 2) for store in (c.k, c.v))
        return F.scaled_dot_product_attention(c.q, k, v, **options)

    return run


def _convolution(c: Tensors) -> list[Any]:
    o = c.attributes
    steps = [o["stride_h"], o["stride_w"]], [o["pad_h"], o["pad_w"]], [o["dilation_h"], o["dilation_w"]]
    return [*map(list, steps), o["groups"]]


def _conv2d(c: Tensors) -> Run:
    options = _convolution(c)
    return lambda: F.conv2d(c.x, c.weight, c.bias, *options)


def _conv2d_grad(c: Tensors) -> Run:
    stride, pad, dilation, groups = _convolution(c)
    backward, channels = aten.convolution_backward, [c.weight.shape[0]]
    mask = [each is not None for each in c.out]
    options = (channels, stride, pad, dilation, False, [0, 0], groups, mask)
    return lambda: backward(c.dy, c.x, c.weight, *options)


def _pooling(c: Tensors) -> dict[str, Any]:
    o = c.attributes
    names = {"kernel_size": "kernel", "stride": "stride", "padding": "pad"}
    return {ours: (o[f"{theirs}_h"], o[f"{theirs}_w"]) for ours, theirs in names.items()}


def _max_pool2d(c: Tensors) -> Run:
    options = _pooling(c)
    return lambda: F.max_pool2d(c.x, **options)


def _max_pool2d_indices(c: Tensors) -> Run:
    options = _pooling(c)
    return lambda: F.max_pool2d(c.x, **options, return_indices=True)


def _max_pool2d_grad(c: Tensors) -> Run:
    """It goes by the indices alone; windows are asked for, so such as give this size."""
    shape, backward = c.out[0].shape, aten.max_pool2d_with_indices_backward
    window = [shape[-2] // c.dy.shape[-2], shape[-1] // c.dy.shape[-1]]
    x = torch.empty(shape)
    return lambda: backward(c.dy, x, window, window, [0, 0], [1, 1], False, c.indices)


def _avg_pool2d(c: Tensors) -> Run:
    options = {**_pooling(c), "count_include_pad": bool(c.attributes["count_padding"])}
    return lambda: F.avg_pool2d(c.x, **options)


def _avg_pool2d_grad(c: Tensors) -> Run:
    options, padded = [list(each) for each in _pooling(c).values()], bool(c.attributes["count_padding"])
    x, backward = torch.empty(c.out[0].shape), aten.avg_pool2d_backward
    return lambda: backward(c.dy, x, *options, False, padded, None)


def _embedding_grad(c: Tensors) -> Run:
    backward, rows = aten.embedding_dense_backward, c.attributes["rows"]
    return lambda: backward(c.dy, c.indices, rows, c.attributes["padding_idx"], False)


def _rope(name: str, sign: int) -> Callable[[Tensors], Run | None]:
    """As models write it: the halves, or neighbours, exchanged and one negated."""

    def make(c: Tensors) -> Run | None:
        x, n = c.inputs[name], c.inputs[name].shape[-3]
        if c.positions is not None or c.attributes["offset"]:
            return None
        halves = c.attributes["style"] == "half"
        cos, sin = (
            (torch.cat([each, each], -1) if halves else each.repeat_interleave(2, -1))[:, None, :].to(x.dtype)
            for each in (c.cos[:n], sign * c.sin[:n])
        )

        def by_halves() -> Any:
            first, second = x.chunk(2, -1)
            return x * cos + torch.cat((-second, first), -1) * sin

        def by_neighbours() -> Any:
            turned = torch.stack((-x[..., 1::2], x[..., ::2]), -1).flatten(-2)
            return x * cos + turned * sin

        return by_halves if halves else by_neighbours

    return make


def _adam(decoupled: bool) -> Callable[[Tensors], Run | None]:
    def make(c: Tensors) -> Run | None:
        if c.grad.dtype != torch.float32:
            return None
        states = [[each.clone()] for each in (c.param, c.grad, c.m, c.v.abs())]
        step = [torch.tensor(3.0)]
        fused = torch._fused_adamw_ if decoupled else torch._fused_adam_
        options = {"lr": 1e-4, "beta1": 0.9, "beta2": 0.999, "weight_decay": 0.01, "eps": 1e-8}
        return lambda: fused(*states, [], step, amsgrad=False, maximize=False, **options)

    return make


def _matmul_int8(c: Tensors) -> Run | None:
    """Their integer product and the scales after it; where it refuses a size, there is no peer."""
    b = c.b.t() if c.attributes["transpose_b"] else c.b
    if c.a.dim() != 2 or c.a.shape[0] <= 16 or c.bias is not None:
        return None
    rows, dtype = c.a_scale[:, None], c.out[0].dtype
    return lambda: (torch._int_mm(c.a, b).float() * rows * c.b_scale).to(dtype)


def _grouped_matmul(c: Tensors) -> Run:
    ends = [0, *c.ends.tolist()]
    weights = c.w.transpose(-1, -2) if c.attributes["transpose_w"] else c.w

    def run() -> Any:
        for i, (begin, end) in enumerate(pairwise(ends)):
            torch.matmul(c.x[begin:end], weights[i], out=c.out[0][begin:end])
        return c.out[0]

    return run


def _sample_top_p(c: Tensors) -> Run:
    """The steps that serving code takes: the likeliest k, or all, in order; then the running mass.

    Not compared: the rounding of that mass draws another token in some rows.
    """
    o = c.attributes

    def run() -> Any:
        weights = torch.softmax(c.logits.float() / o["temperature"], -1)
        ordered, order = weights.topk(o["top_k"], -1) if o["top_k"] else weights.sort(-1, descending=True)
        mass = ordered.cumsum(-1)
        kept = ordered * (mass - ordered < o["p"] * mass[:, -1:])
        reached = kept.cumsum(-1) > c.u[:, None] * kept.sum(-1, keepdim=True)
        order.gather(-1, reached.int().argmax(-1, keepdim=True))

    return run


def _elementwise(function: Callable[[Any], Any]) -> Callable[[Tensors], Run]:
    return lambda c: lambda: function(c.x)


def _activation_grad(backward: Callable[[Tensors], Callable[[Any, Any], Any]]) -> Callable[[Tensors], Run]:
    """`backward(call)` gives the function of dy and x."""

    def make(c: Tensors) -> Run:
        function = backward(c)
        return lambda: function(c.dy, c.x)

    return make


def _swiglu_grad(c: Tensors) -> Run:
    return _backward(lambda gate, up: F.silu(gate) * up, [c.gate, c.up], c.dy)


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
    "relu": lambda c: lambda: torch.clamp_min(c.x, 0, out=c.out[0]),
    "silu": _elementwise(F.silu),
    "sigmoid": _elementwise(torch.sigmoid),
    "tanh": _elementwise(torch.tanh),
    "softplus": _elementwise(F.softplus),
    "mish": _elementwise(F.mish),
    "hardswish": lambda c: lambda: aten.hardswish(c.x, out=c.out[0]),
    "leaky_relu": lambda c: lambda: F.leaky_relu(c.x, c.attributes["slope"]),
    "elu": lambda c: lambda: F.elu(c.x, c.attributes["alpha"]),
    "relu_grad": _activation_grad(lambda c: lambda dy, x: aten.threshold_backward(dy, x, 0)),
    "gelu_grad": _activation_grad(lambda c: aten.gelu_backward),
    "gelu_tanh_grad": _activation_grad(lambda c: lambda dy, x: aten.gelu_backward(dy, x, approximate="tanh")),
    "silu_grad": _activation_grad(lambda c: aten.silu_backward),
    "leaky_relu_grad": _activation_grad(
        lambda c: lambda dy, x: aten.leaky_relu_backward(dy, x, c.attributes["slope"], False)
    ),
    "elu_grad": _activation_grad(
        lambda c: lambda dy, x: aten.elu_backward(dy, c.attributes["alpha"], 1, 1, False, x)
    ),
    "sigmoid_grad": lambda c: lambda: aten.sigmoid_backward(c.dy, c.y),
    "tanh_grad": lambda c: lambda: aten.tanh_backward(c.dy, c.y),
    "softplus_grad": _activation_grad(lambda c: lambda dy, x: aten.softplus_backward(dy, x, 1, 20)),
    "hardswish_grad": _activation_grad(lambda c: aten.hardswish_backward),
    "mish_grad": _activation_grad(lambda c: aten.mish_backward),
    "swiglu_grad": _swiglu_grad,
    "adam": _adam(decoupled=False),
    "adamw": _adam(decoupled=True),
    "attention_decode": _decode,
    "attention_decode_paged": _decode_paged,
    "conv2d": _conv2d,
    "conv2d_grad": _conv2d_grad,
    "max_pool2d": _max_pool2d,
    "max_pool2d_indices": _max_pool2d_indices,
    "max_pool2d_grad": _max_pool2d_grad,
    "avg_pool2d": _avg_pool2d,
    "avg_pool2d_grad": _avg_pool2d_grad,
    "embedding": lambda c: lambda: F.embedding(c.indices, c.table),
    "embedding_grad": _embedding_grad,
    "rope": _rope("x", 1),
    "rope_grad": _rope("dy", -1),
    "matmul_int8": _matmul_int8,
    "grouped_matmul": _grouped_matmul,
    "sample_top_p": _sample_top_p,
    "sort": lambda c: lambda: torch.sort(c.x, -1)[0],
    "argsort": lambda c: lambda: torch.argsort(c.x, dim=-1, stable=True),
    "bincount": lambda c: lambda: torch.bincount(c.x, minlength=c.attributes["bins"]),
    "histogram": lambda c: (
        lambda: torch.histc(c.x, c.attributes["bins"], c.attributes["low"], c.attributes["high"])
    ),
    "swiglu": lambda c: lambda: torch.mul(F.silu(c.gate), c.up, out=c.out[0]),
}
PEERS = {name: _peer(make) for name, make in _MAKERS.items()}
