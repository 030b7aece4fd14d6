"""Decoding in NumPy, in the dtype of its inputs: sequence by sequence, head by head."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.errors import BadArgument

Array = Any


def attention_decode(
    q: Array, k: Array, v: Array, lengths: Array | None, scale: float
) -> tuple[Array, Array]:
    b, cap = q.shape[0], k.shape[2]
    each = _checked(np.full(b, cap) if lengths is None else lengths, cap)
    return _all(
        q, [(k[i, :, :length], v[i, :, :length]) for i, length in enumerate(each)], v.shape[-1], scale
    )


def attention_decode_paged(
    q: Array, k: Array, v: Array, table: Array, lengths: Array, scale: float
) -> tuple[Array, Array]:
    size = k.shape[1]
    each = _checked(lengths, table.shape[1] * size)
    caches = []
    for i, length in enumerate(each):
        blocks = table[i, : -(-length // size) if size else 0]
        if np.any((blocks < 0) | (blocks >= k.shape[0])):
            raise BadArgument(f"attention_decode_paged: table has {blocks}; allowed: 0 to {k.shape[0] - 1}")
        caches.append(tuple(_joined(x[blocks], length) for x in (k, v)))
    return _all(q, caches, v.shape[-1], scale)


def _checked(lengths: Array, most: int) -> list[int]:
    if np.any((lengths < 0) | (lengths > most)):
        raise BadArgument(f"attention_decode: lengths are {lengths}; allowed: 0 to {most}")
    return [int(each) for each in lengths]


def _joined(blocks: Array, length: int) -> Array:
    """[blocks, size, heads, d] as [heads, length, d]."""
    count, size, *rest = blocks.shape
    return blocks.reshape(count * size, *rest)[:length].swapaxes(0, 1)


def _all(q: Array, caches: list[Any], e: int, scale: float) -> tuple[Array, Array]:
    out = np.zeros((*q.shape[:3], e), q.dtype)
    lse = np.full(q.shape[:3], -np.inf, q.dtype)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for i, (k, v) in enumerate(caches):
            for h in range(q.shape[1]):
                shared = h * len(k) // q.shape[1]
                for r in range(q.shape[2]):
                    seen = max(k.shape[1] - q.shape[2] + 1 + r, 0)
                    out[i, h, r], lse[i, h, r] = _one(q[i, h, r], k[shared, :seen], v[shared, :seen], scale)
    return out, lse


def _one(q: Array, k: Array, v: Array, scale: float) -> tuple[Array, Array]:
    low, zero = q.dtype.type(-np.inf), q.dtype.type(0)
    s = np.matmul(k, q).astype(q.dtype, copy=False) * q.dtype.type(scale)
    top = np.max(s, initial=low)
    top = zero if top == low else top
    p = np.exp(s - top)
    total = np.sum(p)
    if total == 0:
        return np.zeros(v.shape[-1], q.dtype), low
    return np.matmul(p, v).astype(q.dtype, copy=False) / total, top + np.log(total)
