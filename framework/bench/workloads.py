"""What is timed: small operators in eager mode; compiled training steps of an MLP and a transformer block,
small and big; the forward pass of the big block.

Every contender gets the same numbers and does the same mathematics. In eager mode that is
tanh(x · scale + shift) of 16 numbers again and again, without and with the gradients of its sum by all three.
Compiled, it is a loss, its gradients, plain gradient descent: layers of the MLP are relu(x W + b), its loss
the mean cross-entropy; the block is GPT-2's: pre-norm, one projection for query, key and value, causal
attention, GELU by tanh; its loss the mean square.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from framework import ops, value_and_grad
from framework.core.tensor import Tensor
from framework.jit import Jit, jit

RATE = 0.01
OPERATORS = 30  # of a chain
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Workload:
    """A model with its sizes and numbers; `heads` is 0 for an MLP."""

    name: str
    weights: Arrays
    x: np.ndarray
    y: np.ndarray
    heads: int = 0
    training: bool = True


@dataclass(frozen=True)
class Chain:
    """`OPERATORS` small operators, one after another."""

    name: str
    numbers: tuple[np.ndarray, ...]  # x, scale, shift
    training: bool = False

    def through(self, tanh: Callable[[Any], Any], x: Any, scale: Any, shift: Any) -> Any:
        """The chain, in anybody's arrays."""
        for _ in range(OPERATORS // 3):
            x = tanh(x * scale + shift)
        return x


def chain(name: str, training: bool = False) -> Chain:
    rng = np.random.default_rng(0)
    x, scale, shift = (rng.standard_normal(16, np.float32) for _ in range(3))
    return Chain(name, (x, scale, shift), training)


def mlp(name: str, batch: int, sizes: tuple[int, ...]) -> Workload:
    rng = np.random.default_rng(0)
    weights: Arrays = {}
    for i, (n, m) in enumerate(pairwise(sizes)):
        weights[f"w{i}"] = _matrix(rng, n, m)
        weights[f"b{i}"] = np.zeros(m, np.float32)
    y = np.eye(sizes[-1], dtype=np.float32)[rng.integers(0, sizes[-1], batch)]
    return Workload(name, weights, rng.standard_normal((batch, sizes[0]), np.float32), y)


def block(
    name: str, batch: int, length: int, width: int, heads: int, inner: int, training: bool = True
) -> Workload:
    rng = np.random.default_rng(0)
    shapes = {"qkv": (width, 3 * width), "out": (width, width), "up": (width, inner), "down": (inner, width)}
    weights: Arrays = {}
    for layer, (n, m) in shapes.items():
        weights[f"{layer}_w"], weights[f"{layer}_b"] = _matrix(rng, n, m), np.zeros(m, np.float32)
    for norm in ("norm1", "norm2"):
        weights[f"{norm}_w"], weights[f"{norm}_b"] = np.ones(width, np.float32), np.zeros(width, np.float32)
    x, y = (rng.standard_normal((batch, length, width), np.float32) for _ in range(2))
    return Workload(name, weights, x, y, heads, training)


def _matrix(rng: np.random.Generator, n: int, m: int) -> np.ndarray:
    return rng.standard_normal((n, m), np.float32) / np.float32(math.sqrt(n))


WORKLOADS: dict[str, Callable[[], Workload | Chain]] = {
    "eager": lambda: chain("eager"),
    "eager-gradients": lambda: chain("eager-gradients", training=True),
    "mlp-small": lambda: mlp("mlp-small", 32, (64, 64, 64, 10)),
    "mlp-big": lambda: mlp("mlp-big", 128, (784, 512, 512, 10)),
    "block-small": lambda: block("block-small", 1, 32, 64, 4, 256),
    "block-big": lambda: block("block-big", 8, 128, 256, 4, 1024),
    "block-big-forward": lambda: block("block-big-forward", 8, 128, 256, 4, 1024, training=False),
}


def forward_of_mlp(w: dict[str, Any], x: Any) -> Any:
    last = len(w) // 2 - 1
    for i in range(last):
        x = ops.relu(x @ w[f"w{i}"] + w[f"b{i}"])
    return x @ w[f"w{last}"] + w[f"b{last}"]


def cross_entropy(z: Any, y: Any) -> Any:
    return -ops.sum(y * ops.log_softmax(z, axis=-1)) * (1 / z.shape[0])


def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
    away = x - ops.mean(x, axis=-1, keepdims=True)
    return away * ops.rsqrt(ops.mean(away * away, axis=-1, keepdims=True) + 1e-5) * weight + bias


def gelu(x: Any) -> Any:
    return 0.5 * x * (1 + ops.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


def forward_of_block(w: dict[str, Any], x: Any, heads: int) -> Any:
    batch, length, width = x.shape
    size = width // heads
    h = layer_norm(x, w["norm1_w"], w["norm1_b"]) @ w["qkv_w"] + w["qkv_b"]
    q, k, v = ops.permute_dims(ops.reshape(h, (batch, length, 3, heads, size)), (2, 0, 3, 1, 4))
    scores = q @ ops.swapaxes(k, -1, -2) * (1 / math.sqrt(size))
    visible = Tensor(np.tri(length, dtype=bool))
    attention = ops.softmax(ops.where(visible, scores, -math.inf), axis=-1) @ v
    a = ops.reshape(ops.permute_dims(attention, (0, 2, 1, 3)), (batch, length, width))
    x = x + a @ w["out_w"] + w["out_b"]
    h = gelu(layer_norm(x, w["norm2_w"], w["norm2_b"]) @ w["up_w"] + w["up_b"])
    return x + h @ w["down_w"] + w["down_b"]


def compiled(work: Workload, level: str = "O1") -> tuple[Jit, tuple[Any, ...]]:
    """The training step, its weights donated, or the forward pass; and what it is called with."""
    heads = work.heads  # what is closed over is compared at every call: not all the arrays of the workload

    def loss(w: dict[str, Any], x: Any, y: Any) -> Any:
        if not heads:
            return cross_entropy(forward_of_mlp(w, x), y)
        away = forward_of_block(w, x, heads) - y
        return ops.mean(away * away)

    def step(w: dict[str, Any], x: Any, y: Any) -> Any:
        value, gradients = value_and_grad(loss)(w, x, y)
        return value, {name: w[name] - RATE * gradients[name] for name in w}

    args = ({name: Tensor(value) for name, value in work.weights.items()}, Tensor(work.x))
    if not work.training:
        return jit(lambda w, x: forward_of_block(w, x, heads), jit_level=level, fullgraph=True), args
    return jit(step, jit_level=level, fullgraph=True, donate=0), (*args, Tensor(work.y))


def ours(work: Workload | Chain, level: str = "O1") -> Callable[[], Any]:
    """The workload by this framework, ready to be called again and again; weights are replaced each time."""
    if isinstance(work, Chain):
        return _eager(work)
    function, (w, *data) = compiled(work, level)
    if not work.training:
        return lambda: function(w, *data)
    state = {"w": w}

    def run() -> Any:
        value, state["w"] = function(state["w"], *data)
        return value

    return run


def _eager(work: Chain) -> Callable[[], Any]:
    numbers = [Tensor(each) for each in work.numbers]
    if not work.training:
        return lambda: work.through(ops.tanh, *numbers)
    both = value_and_grad(lambda *given: ops.sum(work.through(ops.tanh, *given)), (0, 1, 2))
    return lambda: both(*numbers)[1]
