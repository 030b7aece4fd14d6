"""Layers of one matrix product or less: Dense, Embedding, Dropout, Flatten."""

from __future__ import annotations

import math
from typing import Any

from framework import ops
from framework.core.tensor import Parameter, Tensor
from framework.errors import ArgumentError, ShapeError
from framework.nn.cell import Cell


class Dense(Cell):
    """x·Wᵀ + b along the last axis: (…, in_channels) → (…, out_channels).

    `weight` (out_channels, in_channels) and `bias` (out_channels,) begin uniform in ±1/√in_channels, as
    torch's `nn.Linear`.

    Raises:
        ArgumentError: a number of channels that is no int from 0.
        ShapeError: another last axis.
    """

    def __init__(self, in_channels: int, out_channels: int, has_bias: bool = True) -> None:
        if min(in_channels, out_channels) < 0:
            raise ArgumentError(f"Dense: {in_channels} to {out_channels} channels; give ints from 0")
        bound = 1 / math.sqrt(in_channels) if in_channels else 0.0
        self.weight = Parameter(ops.uniform((out_channels, in_channels), -bound, bound))
        self.bias = Parameter(ops.uniform((out_channels,), -bound, bound)) if has_bias else None

    def construct(self, x: Tensor) -> Tensor:
        if x.shape[-1:] != self.weight.shape[1:]:
            raise ShapeError(f"Dense: x has shape {x.shape}; its last axis must be {self.weight.shape[1]}")
        return linear(x, self.cast(self.weight), self.cast(self.bias))


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x·Wᵀ + b, of x (…, i), W (o, i), b (o,)."""
    out = ops.matmul(x, ops.swapaxes(weight, -1, -2))
    return out if bias is None else out + bias


class Embedding(Cell):
    """Rows of a table by integer: (…) → (…, embedding_dim).

    `weight` (num_embeddings, embedding_dim) begins normal with deviation 1, as torch's; the row `padding_idx`
    begins 0 and gets no gradient.

    Raises:
        ArgumentError: `padding_idx` is no row of the table.
        DTypeError: indices that are no integers.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None) -> None:
        table = ops.normal((num_embeddings, embedding_dim)).asnumpy().copy()
        if padding_idx is not None:
            if not 0 <= padding_idx < num_embeddings:
                raise ArgumentError(
                    f"Embedding: padding_idx is {padding_idx}; a row of the table, 0 to {num_embeddings - 1}"
                )
            table[padding_idx] = 0
        self.weight, self.padding_idx = Parameter(table), padding_idx

    def construct(self, indices: Tensor) -> Tensor:
        rows = ops.take(self.cast(self.weight), indices, axis=0)
        if self.padding_idx is None:
            return rows
        padding = ops.expand_dims(indices == self.padding_idx, -1)
        return ops.where(padding, ops.stop_gradient(rows), rows)


class Dropout(Cell):
    """In training each element is 0 with probability `p`, else divided by 1 − p; otherwise nothing happens.

    Raises:
        ArgumentError: `p` is outside 0 ≤ p < 1.
    """

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p < 1:
            raise ArgumentError(f"Dropout: p is {p!r}; 0 ≤ p < 1 is needed (the probability of a zero)")
        self.p = p

    def construct(self, x: Tensor) -> Tensor:
        return ops.dropout(x, self.p, self.training)


class Flatten(Cell):
    """The axes `start_dim` to `end_dim` as one; all but the first by default."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def construct(self, x: Tensor) -> Tensor:
        return ops.flatten(x, self.start_dim, self.end_dim)


class Identity(Cell):
    """Its input, unchanged."""

    def construct(self, x: Any) -> Any:
        return x
