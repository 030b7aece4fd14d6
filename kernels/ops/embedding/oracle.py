"""Embedding in NumPy, in the dtype of its input."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.errors import BadArgument


def _check(op: str, indices: Any, rows: int) -> None:
    if indices.size and not 0 <= indices.min() <= indices.max() < rows:
        raise BadArgument(
            f"{op}: indices {indices.min()} to {indices.max()}; the table has rows 0 to {rows - 1}"
        )


def embedding(table: Any, indices: Any) -> Any:
    _check("embedding", indices, len(table))
    return table[indices]


def embedding_grad(dy: Any, indices: Any, rows: int, padding_idx: int) -> Any:
    _check("embedding_grad", indices, rows)
    d = dy.shape[-1]
    kept = indices.reshape(-1) != padding_idx
    table = np.zeros((rows, d), dy.dtype)
    np.add.at(table, indices.reshape(-1)[kept], dy.reshape(indices.size, d)[kept])
    return table
