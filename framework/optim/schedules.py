"""Learning rates by step: functions of the number of steps taken so far (from 0), of a Tensor or an int.

They are made of operators, so a compiled training step computes its rate from its own counter. Each is a
small object whose arguments can be read back; any function of the step serves as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from framework import ops
from framework.core import dtypes
from framework.core.tensor import Tensor
from framework.errors import ArgumentError


@dataclass(frozen=True)
class ExponentialDecayLR:
    """learning_rate · decay_rate ^ (step / decay_steps); with `is_stair` the exponent is rounded down."""

    learning_rate: float
    decay_rate: float
    decay_steps: int
    is_stair: bool = False

    def __post_init__(self) -> None:
        _check_steps(self, self.decay_steps)
        if not self.decay_rate > 0:
            raise ArgumentError(f"ExponentialDecayLR: decay_rate is {self.decay_rate}; above 0 is needed")

    def __call__(self, step: Any) -> Tensor:
        power = _float(step) / self.decay_steps
        if self.is_stair:
            power = ops.floor(power)
        return self.learning_rate * ops.exp(power * math.log(self.decay_rate))


@dataclass(frozen=True)
class CosineDecayLR:
    """From max_lr down to min_lr along half a cosine in `decay_steps`, then min_lr (Loshchilov and Hutter
    2017).
    """

    min_lr: float
    max_lr: float
    decay_steps: int

    def __post_init__(self) -> None:
        _check_steps(self, self.decay_steps)

    def __call__(self, step: Any) -> Tensor:
        done = ops.minimum(_float(step) / self.decay_steps, 1.0)
        return self.min_lr + 0.5 * (self.max_lr - self.min_lr) * (1.0 + ops.cos(done * math.pi))


@dataclass(frozen=True)
class PolynomialDecayLR:
    """Along (1 − step / decay_steps) ^ power from learning_rate to end_learning_rate, which then holds."""

    learning_rate: float
    end_learning_rate: float
    decay_steps: int
    power: float = 1.0

    def __post_init__(self) -> None:
        _check_steps(self, self.decay_steps)

    def __call__(self, step: Any) -> Tensor:
        left = 1.0 - ops.minimum(_float(step) / self.decay_steps, 1.0)
        return self.end_learning_rate + (self.learning_rate - self.end_learning_rate) * left**self.power


@dataclass(frozen=True)
class PiecewiseConstantLR:
    """learning_rates[i] until step milestones[i] (not included); the last, one more, holds ever after."""

    milestones: Sequence[int]
    learning_rates: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.learning_rates) != len(self.milestones) + 1 or list(self.milestones) != sorted(
            self.milestones
        ):
            raise ArgumentError(
                f"PiecewiseConstantLR: milestones {list(self.milestones)}, rates "
                f"{list(self.learning_rates)}; "
                "rising milestones and one rate more than milestones are needed"
            )

    def __call__(self, step: Any) -> Tensor:
        now = _float(step)
        rate = now * 0.0 + self.learning_rates[0]
        for milestone, later in zip(self.milestones, self.learning_rates[1:], strict=True):
            rate = ops.where(now < milestone, rate, later)
        return rate


@dataclass(frozen=True)
class WarmUpLR:
    """In `warmup_steps` equal steps from 0 to `learning_rate`: a number, or a schedule that begins then."""

    learning_rate: Any
    warmup_steps: int

    def __post_init__(self) -> None:
        _check_steps(self, self.warmup_steps)

    def __call__(self, step: Any) -> Tensor:
        now = _float(step)
        part = ops.minimum(now / self.warmup_steps, 1.0)
        after = self.learning_rate
        return ops.multiply(
            part, after(ops.maximum(now - self.warmup_steps, 0.0)) if callable(after) else after
        )


def _float(step: Any) -> Tensor:
    return ops.cast(step, dtypes.float32)


def _check_steps(schedule: object, steps: int) -> None:
    if steps < 1:
        raise ArgumentError(f"{type(schedule).__name__}: {steps} steps; 1 or more is needed")
