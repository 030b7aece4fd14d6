"""Attention with its four projections. The operator itself is `ops.attention`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework import ops
from framework.core.tensor import Parameter, Tensor
from framework.errors import ArgumentError, ShapeError
from framework.nn.cell import Cell
from framework.nn.linear import Dense, linear


class MultiHeadAttention(Cell):
    """Attention of (batch, length, embed_dim) with `num_heads` heads. Batch first; masks say who may look.

    Weights are named and laid out as in torch's `nn.MultiheadAttention`: `in_proj_weight` (3·embed_dim,
    embed_dim) for query, key and value, `in_proj_bias`, `out_proj.weight`, `out_proj.bias`. `dropout` is of
    the attention weights.

    Raises:
        ArgumentError: `embed_dim` is no multiple of `num_heads`; dropout outside 0 ≤ p < 1.
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0, has_bias: bool = True) -> None:
        if min(num_heads, embed_dim) < 1 or embed_dim % num_heads or not 0 <= dropout < 1:
            raise ArgumentError(
                f"MultiHeadAttention: embed_dim {embed_dim}, num_heads {num_heads}, dropout {dropout}; heads "
                "that divide embed_dim, both from 1, and 0 ≤ dropout < 1 are needed"
            )
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        bound = math.sqrt(6 / (4 * embed_dim))  # Glorot's, of the three projections as one matrix
        self.in_proj_weight = Parameter(ops.uniform((3 * embed_dim, embed_dim), -bound, bound))
        self.in_proj_bias = Parameter(np.zeros(3 * embed_dim, np.float32)) if has_bias else None
        self.out_proj = Dense(embed_dim, embed_dim, has_bias)
        if self.out_proj.bias is not None:
            self.out_proj.bias.assign(np.zeros(embed_dim, np.float32))

    def construct(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """(batch, q, embed_dim). Keys are the queries unless given, values the keys.

        `mask` broadcasts to (batch, heads, q, k): bool, True where a query may look, or numbers that are
        added. `causal`: query i sees keys up to i + k − q.

        Raises:
            ShapeError: another last axis.
        """
        key = query if key is None else key
        value = key if value is None else value
        for x in (query, key, value):
            if x.ndim != 3 or x.shape[-1] != self.embed_dim:
                raise ShapeError(
                    f"MultiHeadAttention: shape {x.shape}; (batch, length, {self.embed_dim}) is needed"
                )
        q, k, v = (self._heads(x) for x in self._projected(query, key, value))
        if self.training and self.dropout:
            seen = _with_dropout(q, k, v, mask, causal, self.dropout)
        else:
            seen = ops.attention(q, k, v, mask, causal=causal)
        merged: Any = ops.reshape(ops.swapaxes(seen, 1, 2), query.shape)
        return self.out_proj(merged)  # type: ignore[no-any-return]

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        weight, bias, wide = self.cast(self.in_proj_weight), self.cast(self.in_proj_bias), self.embed_dim
        if query is key and key is value:  # one product instead of three
            both = linear(query, weight, bias)
            return [ops.narrow(both, -1, i * wide, wide) for i in range(3)]
        rows = [ops.narrow(weight, 0, i * wide, wide) for i in range(3)]
        biases = [None if bias is None else ops.narrow(bias, 0, i * wide, wide) for i in range(3)]
        return [linear(x, w, b) for x, w, b in zip((query, key, value), rows, biases, strict=True)]

    def _heads(self, x: Tensor) -> Tensor:
        return ops.swapaxes(ops.reshape(x, (*x.shape[:2], self.num_heads, -1)), 1, 2)


def _with_dropout(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool, p: float) -> Tensor:
    """`ops.attention` whose weights are dropped with probability `p`: so they have to be there as a whole."""
    logits = ops.matmul(q, ops.swapaxes(k, -1, -2)) * (1 / math.sqrt(q.shape[-1]))
    if mask is not None:
        logits = ops.where(mask, logits, -math.inf) if mask.dtype.kind == "b" else logits + mask
    if causal:
        rows, columns = logits.shape[-2:]
        logits = ops.where(Tensor(np.tri(rows, columns, columns - rows, dtype=bool)), logits, -math.inf)
    blind = ops.max(logits, axis=-1, keepdims=True) == -math.inf  # what sees nothing gets zeros
    weights = ops.where(blind, 0, ops.softmax(ops.where(blind, 0, logits), axis=-1))
    return ops.matmul(ops.dropout(weights, p), v)
