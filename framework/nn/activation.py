"""Activations as cells: each is an operator of `framework.ops` without parameters, except PReLU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework import ops
from framework.core.tensor import Parameter, Tensor
from framework.errors import ArgumentError
from framework.nn.cell import Cell


def _activation(name: str, operator: Callable[..., Any], formula: str) -> type[Cell]:
    def construct(self: Cell, x: Tensor) -> Any:
        return operator(x)

    return type(name, (Cell,), {"construct": construct, "__doc__": formula, "__module__": __name__})


ReLU = _activation("ReLU", ops.relu, "max(x, 0).")
ReLU6 = _activation("ReLU6", ops.relu6, "min(max(x, 0), 6).")
Sigmoid = _activation("Sigmoid", ops.sigmoid, "1 / (1 + e⁻ˣ).")
Tanh = _activation("Tanh", ops.tanh, "The hyperbolic tangent.")
SiLU = _activation("SiLU", ops.silu, "x·sigmoid(x).")
Mish = _activation("Mish", ops.mish, "x·tanh(softplus(x)).")
LogSigmoid = _activation("LogSigmoid", ops.logsigmoid, "ln(sigmoid(x)).")
SELU = _activation("SELU", ops.selu, "ELU, scaled so that mean and variance are kept (Klambauer 2017).")
Softsign = _activation("Softsign", ops.softsign, "x / (1 + |x|).")
Softplus = _activation("Softplus", ops.softplus, "ln(1 + eˣ).")
HSwish = _activation("HSwish", ops.hardswish, "x·min(max(x + 3, 0), 6) / 6.")
HSigmoid = _activation("HSigmoid", ops.hardsigmoid, "min(max(x + 3, 0), 6) / 6.")


class GELU(Cell):
    """x·Φ(x), exact by default as in torch; `approximate="tanh"` is 0.5·x·(1 + tanh(√(2/π)·(x +
    0.044715·x³))).
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def construct(self, x: Tensor) -> Any:
        return ops.gelu(x, approximate=self.approximate)


class ELU(Cell):
    """x where x > 0, else alpha·(eˣ − 1)."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def construct(self, x: Tensor) -> Any:
        return ops.elu(x, alpha=self.alpha)


class LeakyReLU(Cell):
    """x where x > 0, else negative_slope·x."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def construct(self, x: Tensor) -> Any:
        return ops.leaky_relu(x, self.negative_slope)


class PReLU(Cell):
    """x where x > 0, else weight·x: one learned slope, or one for each channel (the second axis).

    Raises:
        ArgumentError: `num_parameters` is less than 1.
    """

    def __init__(self, num_parameters: int = 1, initial: float = 0.25) -> None:
        if num_parameters < 1:
            raise ArgumentError(f"PReLU: num_parameters is {num_parameters}; 1, or the number of channels")
        self.weight = Parameter(np.full(num_parameters, initial, np.float32))

    def construct(self, x: Tensor) -> Any:
        slope = ops.reshape(self.cast(self.weight), (-1, *[1] * (x.ndim - 2)))
        return ops.where(x > 0, x, slope * x)


class Softmax(Cell):
    """eˣ / Σeˣ along `axis`."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def construct(self, x: Tensor) -> Any:
        return ops.softmax(x, axis=self.axis)


class LogSoftmax(Cell):
    """x − ln Σeˣ along `axis`."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def construct(self, x: Tensor) -> Any:
        return ops.log_softmax(x, axis=self.axis)
