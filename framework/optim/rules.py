"""The optimisers: each is the slots it keeps for a parameter and the formula of one step.

Signatures, defaults and formulas are torch's where torch has the optimiser; `tests/framework/optim` holds
both side by side. L2 decay adds to the gradient; decoupled decay (AdamW, Lion, Adafactor) shrinks the
parameter itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from framework import ops
from framework.core.tensor import Parameter, Tensor
from framework.errors import ArgumentError
from framework.optim.optimizer import Optimizer, lerp, norm, zeros_like

Slots = dict[str, Tensor]
Setting = Mapping[str, Any]
Arrays = dict[str, np.ndarray[Any, Any]]
Betas = tuple[float, float]


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum (Nesterov's if asked) and L2 decay. As torch's SGD.

    v ← momentum·v + g, p ← p − lr·v; with `nesterov` p ← p − lr·(g + momentum·v) (Sutskever et al. 2013).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)

    def check(self, setting: Setting) -> None:
        super().check(setting)
        if not 0 <= setting["momentum"] < 1 or (setting["nesterov"] and not setting["momentum"]):
            raise ArgumentError(
                f"SGD: momentum is {setting['momentum']!r}; from 0 to below 1 is allowed, above 0 with "
                "nesterov"
            )

    def slots(self, parameter: Parameter, setting: Setting) -> Arrays:
        return {"momentum": zeros_like(parameter)} if setting["momentum"] else {}

    def rule(
        self, p: Tensor, g: Tensor, slots: Slots, t: Tensor, lr: Any, setting: Setting
    ) -> tuple[Tensor, Slots]:
        g = _with_decay(g, p, setting)
        if not setting["momentum"]:
            return p - lr * g, {}
        velocity = setting["momentum"] * slots["momentum"] + g
        step = g + setting["momentum"] * velocity if setting["nesterov"] else velocity
        return p - lr * step, {"momentum": velocity}


class Adam(Optimizer):
    """Kingma and Ba 2015, algorithm 1, with L2 decay: p ← p − lr·m̂ / (√v̂ + eps)."""

    decoupled = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def slots(self, parameter: Parameter, setting: Setting) -> Arrays:
        return {"exp_avg": zeros_like(parameter), "exp_avg_sq": zeros_like(parameter)}

    def rule(
        self, p: Tensor, g: Tensor, slots: Slots, t: Tensor, lr: Any, setting: Setting
    ) -> tuple[Tensor, Slots]:
        if not self.decoupled:
            g = _with_decay(g, p, setting)
        elif setting["weight_decay"]:
            p = p * (1 - lr * setting["weight_decay"])
        slots, step = _adam_step(g, slots, t, lr, setting)
        return p - step, slots


class AdamW(Adam):
    """Loshchilov and Hutter 2019: Adam, with the parameter itself shrunk by lr·weight_decay in each step."""

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


class LAMB(Optimizer):
    """You et al. 2020, algorithm 2: Adam's direction, as long as the parameter: p ← p − lr·(‖p‖ / ‖u‖)·u with
    u = m̂ / (√v̂ + eps) + weight_decay·p. Where either norm is 0 the ratio is 1."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def slots(self, parameter: Parameter, setting: Setting) -> Arrays:
        return {"exp_avg": zeros_like(parameter), "exp_avg_sq": zeros_like(parameter)}

    def rule(
        self, p: Tensor, g: Tensor, slots: Slots, t: Tensor, lr: Any, setting: Setting
    ) -> tuple[Tensor, Slots]:
        slots, direction = _adam_step(g, slots, t, 1.0, setting)
        direction = direction + setting["weight_decay"] * p
        ours, its = norm(p), norm(direction)
        safe = ops.where(its > 0, its, ops.ones_like(its))
        ratio = ops.where(ops.logical_and(ours > 0, its > 0), ours / safe, ops.ones_like(its))
        return p - lr * ratio * direction, slots


class Lion(Optimizer):
    """Chen et al. 2023: p ← (1 − lr·weight_decay)·p − lr·sign(β₁m + (1 − β₁)g); m ← β₂m + (1 − β₂)g."""

    def __init__(
        self, params: Iterable[Any], lr: Any = 1e-4, betas: Betas = (0.9, 0.99), weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, weight_decay=weight_decay)

    def slots(self, parameter: Parameter, setting: Setting) -> Arrays:
        return {"exp_avg": zeros_like(parameter)}

    def rule(
        self, p: Tensor, g: Tensor, slots: Slots, t: Tensor, lr: Any, setting: Setting
    ) -> tuple[Tensor, Slots]:
        first, second = setting["betas"]
        m = slots["exp_avg"]
        step = lr * ops.sign(m * first + g * (1 - first))
        return p * (1 - lr * setting["weight_decay"]) - step, {"exp_avg": m * second + g * (1 - second)}


class Adafactor(Optimizer):
    """Shazeer and Stern 2018: second moments of a matrix kept as those of its rows and columns.

    `lr` bounds the step relative to the parameter's root mean square; `eps` are the least second moment
    (None: the dtype's machine epsilon) and the least such root; an update is clipped to a root mean square of
    `d`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, beta2_decay=beta2_decay, eps=eps, d=d, weight_decay=weight_decay)

    def slots(self, parameter: Parameter, setting: Setting) -> Arrays:
        zeros = zeros_like(parameter)
        if zeros.ndim < 2:
            return {"variance": zeros}
        return {"row_var": zeros[..., :1].copy(), "col_var": zeros[..., :1, :].copy()}

    def rule(
        self, p: Tensor, g: Tensor, slots: Slots, t: Tensor, lr: Any, setting: Setting
    ) -> tuple[Tensor, Slots]:
        least, least_scale = setting["eps"]
        least = float(np.finfo(p.dtype).eps) if least is None else least
        weight = ops.exp(ops.log(t) * setting["beta2_decay"])  # t^decay: 1 at the first step
        scale = ops.maximum(norm(p) / math.sqrt(p.size), least_scale)
        rate = scale * ops.minimum(ops.ones_like(t) * lr, 1 / ops.sqrt(t))
        squares = g * g
        if p.ndim < 2:
            slots = {"variance": lerp(slots["variance"], squares, weight)}
            variance = slots["variance"]
        else:
            row = lerp(slots["row_var"], ops.mean(squares, axis=-1, keepdims=True), weight)
            col = lerp(slots["col_var"], ops.mean(squares, axis=-2, keepdims=True), weight)
            slots = {"row_var": row, "col_var": col}
            variance = row * col / ops.maximum(ops.mean(row, axis=-2, keepdims=True), least)
        step = g / ops.sqrt(ops.maximum(variance, least * least))
        clip = ops.maximum(norm(step) / (math.sqrt(p.size) * setting["d"]), 1.0)
        return p * (1 - lr * setting["weight_decay"]) - rate / clip * step, slots


def _with_decay(g: Tensor, p: Tensor, setting: Setting) -> Tensor:
    return g + setting["weight_decay"] * p if setting["weight_decay"] else g


def _adam_step(g: Tensor, slots: Slots, t: Tensor, lr: Any, setting: Setting) -> tuple[Slots, Tensor]:
    """New moments, and lr·m̂ / (√v̂ + eps)."""
    first, second = setting["betas"]
    m = lerp(slots["exp_avg"], g, 1 - first)
    v = slots["exp_avg_sq"] * second + g * g * (1 - second)
    # 1 − βᵗ as −expm1(t·ln β): the plain form loses four digits in float32 at the first steps.
    one, two = (-ops.expm1(t * math.log(beta)) if beta else ops.ones_like(t) for beta in (first, second))
    step = (lr / one) * m / (ops.sqrt(v) / ops.sqrt(two) + setting["eps"])
    return {"exp_avg": m, "exp_avg_sq": v}, step
