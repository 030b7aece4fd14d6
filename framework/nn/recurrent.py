"""Recurrent layers: RNN, LSTM, GRU. Gates, their order and the names of weights are torch's.

The inputs' products with the weights are taken for all steps at once; only the state's are taken step by
step, in `ops.scan`, so a compiled sequence costs the code of one step however long it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from framework import ops
from framework.core.tensor import Parameter, Tensor
from framework.errors import ArgumentError, ShapeError
from framework.nn.cell import Cell
from framework.nn.linear import linear

State = tuple[Tensor, ...]


class _Recurrent(Cell):
    """Layers and directions of one kind of cell. The kinds differ in `gates`, `states` and `step`."""

    gates = 1  # how many times hidden_size a layer's weights are high
    states = 1  # how many tensors a state is

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        has_bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        if min(input_size, hidden_size, num_layers) < 1 or not 0 <= dropout < 1:
            raise ArgumentError(
                f"{type(self).__name__}: input_size is {input_size}, hidden_size {hidden_size}, num_layers "
                f"{num_layers}, dropout {dropout}; sizes and layers from 1, and 0 ≤ dropout < 1 are needed"
            )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.has_bias, self.batch_first, self.dropout = has_bias, batch_first, dropout
        self.directions = ("", "_reverse") if bidirectional else ("",)
        bound, high = 1 / math.sqrt(hidden_size), self.gates * hidden_size
        for layer in range(num_layers):
            wide = input_size if layer == 0 else hidden_size * len(self.directions)
            for suffix in (f"_l{layer}{direction}" for direction in self.directions):
                shapes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (high, wide),
                    "weight_hh": (high, hidden_size),
                }
                if has_bias:
                    shapes |= {"bias_ih": (high,), "bias_hh": (high,)}
                for name, shape in shapes.items():
                    setattr(self, name + suffix, Parameter(ops.uniform(shape, -bound, bound)))

    def step(self, x: Tensor, h: Tensor, state: State) -> State:
        """The next state, hidden part first. `x` and `h` are the input's and the state's products, biases
        added.
        """
        raise NotImplementedError

    def construct(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """`(output, last state)`.

        x (length, batch, input_size), or (batch, length, input_size) if `batch_first`; output the same with
        hidden_size · directions at the end. A state is (num_layers · directions, batch, hidden_size), of an
        LSTM a pair of them; zeros where None.

        Raises:
            ShapeError: another shape of x or state.
        """
        if x.ndim != 3 or x.shape[-1] != self.input_size:
            raise ShapeError(
                f"{type(self).__name__}: x has shape {x.shape}; three axes, the last {self.input_size}"
            )
        x = ops.swapaxes(x, 0, 1) if self.batch_first else x
        states = self._initial(x, state)
        lasts: list[State] = []
        for layer in range(self.num_layers):
            outputs = []
            for at, direction in enumerate(self.directions):
                first = tuple(part[layer * len(self.directions) + at] for part in states)
                output, last = self._run(x, first, f"_l{layer}{direction}", bool(at))
                outputs.append(output)
                lasts.append(last)
            x = outputs[0] if len(outputs) == 1 else ops.concat(outputs, axis=-1)
            if layer < self.num_layers - 1:
                x = ops.dropout(x, self.dropout, self.training)
        parts = tuple(ops.stack([last[i] for last in lasts]) for i in range(self.states))
        return (ops.swapaxes(x, 0, 1) if self.batch_first else x), parts if self.states > 1 else parts[0]

    def _initial(self, x: Tensor, state: Any) -> State:
        shape = (self.num_layers * len(self.directions), x.shape[1], self.hidden_size)
        if state is None:
            return (ops.zeros(shape, dtype=x.dtype),) * self.states
        parts = state if isinstance(state, tuple) else (state,)
        if len(parts) != self.states or any(part.shape != shape for part in parts):
            shapes = ", ".join(str(part.shape) for part in parts)
            raise ShapeError(
                f"{type(self).__name__}: state of shapes {shapes}; {self.states} of {shape} needed"
            )
        return tuple(self.cast(part) for part in parts)

    def _run(self, x: Tensor, first: State, suffix: str, backwards: bool) -> tuple[Tensor, State]:
        w_x, w_h = (self.cast(getattr(self, name + suffix)) for name in ("weight_ih", "weight_hh"))
        b_x, b_h = (self.cast(getattr(self, n + suffix, None)) for n in ("bias_ih", "bias_hh"))
        products = linear(x, w_x, b_x)

        def step(state: State, product: Tensor) -> tuple[State, Tensor]:
            new = self.step(product, linear(state[0], w_h, b_h), state)
            return new, new[0]

        last, outputs = ops.scan(step, first, ops.flip(products, axis=0) if backwards else products)
        return (ops.flip(outputs, axis=0) if backwards else outputs), last

    def _gates(self, total: Tensor) -> list[Tensor]:
        return [ops.narrow(total, -1, i * self.hidden_size, self.hidden_size) for i in range(self.gates)]


class RNN(_Recurrent):
    """h ← tanh(W_ih·x + b_ih + W_hh·h + b_hh), or relu of it (Elman 1990).

    Raises:
        ArgumentError: another nonlinearity, fewer than one layer, dropout outside 0 ≤ p < 1.
    """

    def __init__(self, input_size: int, hidden_size: int, nonlinearity: str = "tanh", **options: Any) -> None:
        known: dict[str, Callable[[Tensor], Tensor]] = {"tanh": ops.tanh, "relu": ops.relu}
        if nonlinearity not in known:
            raise ArgumentError(f"RNN: nonlinearity is {nonlinearity!r}; 'tanh' or 'relu'")
        self.activation = known[nonlinearity]
        super().__init__(input_size, hidden_size, **options)

    def step(self, x: Tensor, h: Tensor, state: State) -> State:
        return (self.activation(x + h),)


class LSTM(_Recurrent):
    """Hochreiter and Schmidhuber 1997, gates i, f, g, o: c ← σ(f)·c + σ(i)·tanh(g), h ← σ(o)·tanh(c)."""

    gates, states = 4, 2

    def step(self, x: Tensor, h: Tensor, state: State) -> State:
        i, f, g, o = self._gates(x + h)
        c = ops.sigmoid(f) * state[1] + ops.sigmoid(i) * ops.tanh(g)
        return ops.sigmoid(o) * ops.tanh(c), c


class GRU(_Recurrent):
    """Cho et al. 2014, gates r, z, n: n ← tanh(x_n + σ(r)·h_n), h ← (1 − σ(z))·n + σ(z)·h."""

    gates = 3

    def step(self, x: Tensor, h: Tensor, state: State) -> State:
        (x_r, x_z, x_n), (h_r, h_z, h_n) = self._gates(x), self._gates(h)
        z = ops.sigmoid(x_z + h_z)
        n = ops.tanh(x_n + ops.sigmoid(x_r + h_r) * h_n)
        return ((1 - z) * n + z * state[0],)
