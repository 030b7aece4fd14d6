"""The workloads in torch: eager, and by torch.compile as one function with its gradients and its update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812 - everybody's name for it

from framework.bench.workloads import RATE, Chain, Workload


def forward_of_mlp(w: dict[str, Any], x: Any) -> Any:
    last = len(w) // 2 - 1
    for i in range(last):
        x = torch.relu(torch.addmm(w[f"b{i}"], x, w[f"w{i}"]))
    return torch.addmm(w[f"b{last}"], x, w[f"w{last}"])


def forward_of_block(w: dict[str, Any], x: Any, heads: int) -> Any:
    batch, length, width = x.shape
    h = F.layer_norm(x, (width,), w["norm1_w"], w["norm1_b"])
    h = F.linear(h, w["qkv_w"].T, w["qkv_b"])
    q, k, v = h.view(batch, length, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    x = x + F.linear(a.transpose(1, 2).reshape(batch, length, width), w["out_w"].T, w["out_b"])
    h = F.layer_norm(x, (width,), w["norm2_w"], w["norm2_b"])
    h = F.gelu(F.linear(h, w["up_w"].T, w["up_b"]), approximate="tanh")
    return x + F.linear(h, w["down_w"].T, w["down_b"])


def contenders(work: Workload | Chain) -> dict[str, Callable[[], Any]]:
    torch.set_num_threads(1)
    if isinstance(work, Chain):
        return {"torch": _eager(work)}
    x, y = torch.tensor(work.x), torch.tensor(work.y)
    labels = y.argmax(-1) if not work.heads else None

    def loss(w: dict[str, Any]) -> Any:
        if labels is not None:
            return F.cross_entropy(forward_of_mlp(w, x), labels)
        return F.mse_loss(forward_of_block(w, x, work.heads), y)

    def weights() -> dict[str, Any]:
        return {
            name: torch.tensor(value, requires_grad=work.training) for name, value in work.weights.items()
        }

    if not work.training:
        w = weights()
        eager = torch.inference_mode()(lambda: forward_of_block(w, x, work.heads))
        fused = torch.compile(lambda w, x: forward_of_block(w, x, work.heads))
        return {"torch": eager, "torch.compile": torch.inference_mode()(lambda: fused(w, x))}
    return {
        "torch": _stepped(weights(), loss),
        "torch.compile": _stepped(weights(), torch.compile(loss)),
        "torch.compile, whole": _whole(weights(), loss),
    }


def _stepped(w: dict[str, Any], loss: Callable[[dict[str, Any]], Any]) -> Callable[[], Any]:
    """Loss and gradients, then the optimiser that updates all weights at once."""
    optimiser = torch.optim.SGD(w.values(), lr=RATE, fused=True)

    def run() -> Any:
        optimiser.zero_grad(set_to_none=True)
        value = loss(w)
        value.backward()
        optimiser.step()
        return value

    return run


def _whole(w: dict[str, Any], loss: Callable[[dict[str, Any]], Any]) -> Callable[[], Any]:
    """Gradients and update in the compiled function, weights changed in place."""
    w = {name: value.detach() for name, value in w.items()}

    @torch.compile
    def step(w: dict[str, Any]) -> Any:
        gradients, value = torch.func.grad_and_value(loss)(w)
        for name, value_of in w.items():
            value_of.sub_(gradients[name], alpha=RATE)
        return value

    return lambda: step(w)


def _eager(work: Chain) -> Callable[[], Any]:
    numbers = [torch.tensor(each, requires_grad=work.training) for each in work.numbers]

    def run() -> Any:
        for each in numbers:
            each.grad = None
        work.through(torch.tanh, *numbers).sum().backward()
        return tuple(each.grad for each in numbers)

    return run if work.training else lambda: work.through(torch.tanh, *numbers)
