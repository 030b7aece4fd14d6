"""Mixed precision: matrix products in 16 bits, everything that adds up in 32; loss scaling for float16.

Parameters, optimiser state, norms, softmax and losses stay in float32. float16 gradients below 6e-8 would
vanish, so the loss is multiplied by a scale before the gradient is taken and the gradient divided by it after
(Micikevicius et al. 2018); bfloat16 has float32's range and needs none. The scale lives in the graph, so a
compiled step adapts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from framework import ops
from framework.core import dtypes, tree
from framework.core.arguments import checked
from framework.core.tensor import Parameter, Tensor
from framework.errors import ArgumentError
from framework.nn.attention import MultiHeadAttention
from framework.nn.cell import Cell
from framework.nn.conv import Conv1d, Conv2d
from framework.nn.linear import Dense
from framework.nn.recurrent import GRU, LSTM, RNN

IN_16_BITS = (Dense, Conv1d, Conv2d, MultiHeadAttention, RNN, LSTM, GRU)


@checked
def auto_mixed_precision(network: Cell, dtype: Any = dtypes.bfloat16) -> Cell:
    """Let the layers whose work is matrix products compute in `dtype`: float16 or bfloat16. Returns
    `network`.

    Raises:
        ArgumentError: another dtype.
    """
    if dtypes.as_dtype(dtype) not in (dtypes.float16, dtypes.bfloat16):
        raise ArgumentError(f"auto_mixed_precision: dtype is {dtype!r}; float16 or bfloat16 is needed")
    for _, cell in network.cells_and_names():
        if isinstance(cell, IN_16_BITS):
            cell.to_float(dtype)
    return network


def all_finite(tensors: Any) -> Tensor:
    """Is no element of any tensor in a container infinite or NaN? A bool tensor of shape ()."""
    found = [ops.all(ops.isfinite(x)) for x in tree.flatten(tensors)[0]]
    return ops.all(ops.stack(found))


class DynamicLossScaler(Cell):
    """A scale that halves when a gradient overflows and doubles after `scale_window` steps without.

    `scale(loss)`, then the gradient, `unscale(gradients)`, and `adjust(all_finite(gradients))`. A step whose
    gradients are not finite must not be taken: `step_if_finite`.

    Raises:
        ArgumentError: a scale that is not above 0, a factor that is not above 1, a window below 1.
    """

    @checked
    def __init__(
        self, scale_value: float = 2.0**16, scale_factor: float = 2.0, scale_window: int = 2000
    ) -> None:
        if not scale_value > 0 or not scale_factor > 1 or scale_window < 1:
            raise ArgumentError(
                f"DynamicLossScaler: scale_value {scale_value}, scale_factor {scale_factor}, scale_window "
                f"{scale_window}; above 0, above 1, and at least 1 are needed"
            )
        self.scale_factor, self.scale_window = scale_factor, scale_window
        self.scale_value = Parameter(np.array(scale_value, np.float32), "scale_value", requires_grad=False)
        self.counter = Parameter(np.zeros((), np.int64), "counter", requires_grad=False)

    def scale(self, loss: Tensor) -> Tensor:
        """loss · scale, in float32."""
        return ops.multiply(ops.cast(loss, dtypes.float32), self.scale_value)

    def unscale(self, gradients: Any) -> Any:
        """Each tensor of a container divided by the scale."""
        inverse = 1 / self.scale_value.held
        return tree.map_leaves(lambda g: (g * inverse).astype(g.dtype), gradients)

    def adjust(self, finite: Tensor) -> None:
        """Take note of whether a step's gradients were finite."""
        scale, count = self.scale_value.held, self.counter.held + 1
        due = count >= self.scale_window
        grown = ops.where(due, scale * self.scale_factor, scale)
        self.scale_value.assign(ops.where(finite, grown, ops.maximum(scale / self.scale_factor, 1.0)))
        self.counter.assign(
            ops.where(ops.logical_and(finite, ops.logical_not(due)), count, ops.zeros_like(count))
        )


def step_if_finite(optimizer: Any, gradients: Sequence[Tensor]) -> Tensor:
    """Call an optimiser; where a gradient is not finite, leave parameters and state as they were. Returns
    which.
    """
    finite = all_finite(gradients)
    changed = [*optimizer.parameters, *(held for _, held in optimizer.parameters_and_names())]
    before = [parameter.held for parameter in changed]
    optimizer(gradients)
    for parameter, old in zip(changed, before, strict=True):
        parameter.assign(ops.where(finite, parameter.held, old))
    return finite
