"""What is done to gradients before a step, and to parameters after it: clipping, accumulation, averages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from framework import ops
from framework.core import tree
from framework.core.arguments import worded
from framework.core.dtypes import float32
from framework.core.tensor import Parameter, Tensor
from framework.errors import ArgumentError
from framework.nn.cell import Cell
from framework.optim.optimizer import Optimizer


@worded
def global_norm(gradients: Any) -> Tensor:
    """The square root of the sum of squares over all tensors of a container, in float32 or wider."""
    squares = [ops.sum(ops.square(_wide(g))) for g in tree.flatten(gradients)[0]]
    if not squares:
        raise ArgumentError(f"global_norm: {gradients!r} holds no tensor; give the gradients")
    return ops.sqrt(sum(squares[1:], squares[0]))


@worded
def clip_by_global_norm(gradients: Any, max_norm: float) -> Any:
    """The same container, scaled down to a global norm of `max_norm` where it is larger (Pascanu et al.
    2013).

    Raises:
        ArgumentError: `max_norm` is not above 0.
    """
    if not max_norm > 0:
        raise ArgumentError(f"clip_by_global_norm: max_norm is {max_norm!r}; above 0 is needed")
    factor = ops.minimum(max_norm / (global_norm(gradients) + 1e-6), 1.0)  # torch's ε
    return tree.map_leaves(lambda g: (g * factor).astype(g.dtype), gradients)


@worded
def clip_by_value(gradients: Any, limit: float) -> Any:
    """The same container, each element limited to −limit … limit.

    Raises:
        ArgumentError: `limit` is not above 0.
    """
    if not limit > 0:
        raise ArgumentError(f"clip_by_value: limit is {limit!r}; above 0 is needed")
    return tree.map_leaves(lambda g: ops.minimum(ops.maximum(g, -limit), limit), gradients)


class GradientAccumulation(Cell):
    """Called like the optimiser it holds: takes one step with the mean of every `steps` gradients.

    What decides is a counter inside the graph, so it works in a compiled training step.

    Raises:
        ArgumentError: `steps` is less than 1.
    """

    def __init__(self, optimizer: Optimizer, steps: int) -> None:
        if steps < 1:
            raise ArgumentError(f"GradientAccumulation: steps is {steps}; 1 or more is needed")
        self.optimizer, self.steps = optimizer, steps
        self.count = Parameter(np.zeros((), np.int64), requires_grad=False)
        sums = [Parameter(np.zeros(p.shape, p.dtype), requires_grad=False) for p in optimizer.parameters]
        for at, held in enumerate(sums):
            setattr(self, f"sum_{at}", held)
        self._sums = tuple(sums)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What is optimised."""
        return self.optimizer.parameters

    def construct(self, gradients: Sequence[Any]) -> None:
        """Add gradients; at every `steps`-th call step and begin anew."""
        optimizer = self.optimizer
        sums = [held.held + g for held, g in zip(self._sums, gradients, strict=True)]
        count = self.count.held + 1
        values = tuple(parameter.held for parameter in optimizer.parameters)

        def step(sums: Any, values: Any, state: Any) -> Any:
            means = [total / self.steps for total in sums]
            new_values, new_state = optimizer.update(means, values, state)
            return [ops.zeros_like(total) for total in sums], new_values, new_state

        def wait(sums: Any, values: Any, state: Any) -> Any:
            return sums, values, state

        due = count >= self.steps
        sums, values, state = ops.cond(due, step, wait, sums, values, optimizer.state)
        optimizer.assign(values, state)
        for held, total in zip(self._sums, sums, strict=True):
            held.assign(total)
        self.count.assign(ops.where(due, ops.zeros_like(count), count))


class ExponentialMovingAverage(Cell):
    """The average of parameters over time: a ← decay·a + (1 − decay)·p at each `update()`; begins with their
    values.

    `with ema.averaged():` computes with the averages in the parameters' place, and puts the parameters back.

    Raises:
        ArgumentError: `decay` is not between 0 and 1; what is no Parameter among `params`.
    """

    def __init__(self, params: Iterable[Parameter], decay: float = 0.999) -> None:
        if not 0 < decay < 1:
            raise ArgumentError(f"ExponentialMovingAverage: decay is {decay!r}; between 0 and 1 is needed")
        self._params, self.decay = tuple(params), decay
        if wrong := [p for p in self._params if not isinstance(p, Parameter)]:
            raise ArgumentError(
                f"ExponentialMovingAverage: {wrong[0]!r:.80} is no Parameter; give parameters"
            )
        self._averages = tuple(Parameter(p.asnumpy().copy(), requires_grad=False) for p in self._params)
        for at, (parameter, average) in enumerate(zip(self._params, self._averages, strict=True)):
            setattr(self, f"average.{parameter.name or at}", average)

    def update(self) -> None:
        """Take the parameters' present values into the averages."""
        for average, parameter in zip(self._averages, self._params, strict=True):
            average.assign(average.held * self.decay + parameter.held * (1 - self.decay))

    construct = update

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """While entered, the parameters have their averages' values."""
        present = [parameter.held for parameter in self._params]
        for parameter, average in zip(self._params, self._averages, strict=True):
            parameter.assign(average.held)
        try:
            yield
        finally:
            for parameter, value in zip(self._params, present, strict=True):
                parameter.assign(value)


def _wide(x: Tensor) -> Tensor:
    return x.astype(float32) if x.dtype.itemsize < 4 else x
