"""The workloads in JAX: `jit` of the whole step, weights donated; chains without `jit`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from framework.bench.workloads import RATE, Chain, Workload


def forward_of_mlp(w: dict[str, Any], x: Any) -> Any:
    last = len(w) // 2 - 1
    for i in range(last):
        x = jax.nn.relu(x @ w[f"w{i}"] + w[f"b{i}"])
    return x @ w[f"w{last}"] + w[f"b{last}"]


def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
    return jax.nn.standardize(x, axis=-1, epsilon=1e-5) * weight + bias


def forward_of_block(w: dict[str, Any], x: Any, heads: int) -> Any:
    batch, length, width = x.shape
    size = width // heads
    h = layer_norm(x, w["norm1_w"], w["norm1_b"]) @ w["qkv_w"] + w["qkv_b"]
    q, k, v = h.reshape(batch, length, 3, heads, size).transpose(2, 0, 3, 1, 4)
    scores = q @ k.swapaxes(-1, -2) * (1 / math.sqrt(size))
    scores = jnp.where(jnp.tri(length, dtype=bool), scores, -jnp.inf)
    a = (jax.nn.softmax(scores, axis=-1) @ v).transpose(0, 2, 1, 3).reshape(batch, length, width)
    x = x + a @ w["out_w"] + w["out_b"]
    h = jax.nn.gelu(layer_norm(x, w["norm2_w"], w["norm2_b"]) @ w["up_w"] + w["up_b"], approximate=True)
    return x + h @ w["down_w"] + w["down_b"]


def contenders(work: Workload | Chain) -> dict[str, Callable[[], Any]]:
    if isinstance(work, Chain):
        return {"jax": _eager(work)}
    w = {name: jnp.array(value) for name, value in work.weights.items()}
    x, y = jnp.array(work.x), jnp.array(work.y)

    def loss(w: dict[str, Any], x: Any, y: Any) -> Any:
        if not work.heads:
            return -jnp.sum(y * jax.nn.log_softmax(forward_of_mlp(w, x))) / len(x)
        return jnp.mean((forward_of_block(w, x, work.heads) - y) ** 2)

    if not work.training:
        forward = jax.jit(lambda w, x: forward_of_block(w, x, work.heads))
        return {"jax.jit": lambda: forward(w, x).block_until_ready()}

    def step(w: dict[str, Any], x: Any, y: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(w, x, y)
        return value, {name: w[name] - RATE * gradients[name] for name in w}

    compiled = jax.jit(step, donate_argnums=0)
    state = {"w": w}

    def run() -> Any:
        value, state["w"] = compiled(state["w"], x, y)
        return jax.block_until_ready(value)

    return {"jax.jit": run}


def _eager(work: Chain) -> Callable[[], Any]:
    numbers = [jnp.array(each) for each in work.numbers]
    if not work.training:
        return lambda: work.through(jnp.tanh, *numbers).block_until_ready()
    both = jax.value_and_grad(lambda *given: jnp.sum(work.through(jnp.tanh, *given)), (0, 1, 2))
    return lambda: jax.block_until_ready(both(*numbers)[1])
