"""Attention and its gradient in NumPy, in the dtype of their inputs: the whole matrix of probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any


def _product(a: Array, b: Array) -> Array:
    """NumPy widens bfloat16 in a product; the result is rounded back."""
    return np.matmul(a, b).astype(a.dtype, copy=False)


def _over_heads(x: Array, heads: int) -> Array:
    """Keys or values repeated for the query heads that share them."""
    return np.repeat(x, heads // x.shape[1], axis=1) if x.shape[1] not in (0, heads) else x


def _seen(sq: int, sk: int, key_mask: Array | None, causal: bool) -> Array:
    """[b or 1, 1, sq, sk]: which keys a query sees."""
    seen = np.ones((1, 1, sq, sk), bool)
    if causal:
        seen = np.tril(seen, sk - sq)
    return seen if key_mask is None else seen & key_mask[:, None, None, :]


def _without_padding(x: Array, key_mask: Array | None) -> Array:
    return x if key_mask is None else np.where(key_mask[:, None, :, None], x, x.dtype.type(0))


def _logits(q: Array, k: Array, mask: Array | None, seen: Array, scale: float) -> Array:
    s = _product(q, k.swapaxes(-1, -2)) * q.dtype.type(scale)
    if mask is not None:
        s = s + mask
    return np.where(seen, s, q.dtype.type(-np.inf))


def _weighted(p: Array, v: Array, seen: Array) -> Array:
    """p v, where a key that is not seen counts for nothing whatever v holds there."""
    usual = np.isfinite(v)
    total = _product(p, np.where(usual, v, v.dtype.type(0)))
    for j in np.flatnonzero(~usual.all(axis=(0, 1, 3))):
        odd = np.where(usual, v.dtype.type(0), v)[:, :, j, None, :]
        total = total + np.where(seen[..., j, None], p[..., j, None] * odd, v.dtype.type(0))
    return total


def attention(
    q: Array,
    k: Array,
    v: Array,
    mask: Array | None,
    key_mask: Array | None,
    causal: bool,
    scale: float,
) -> tuple[Array, Array]:
    heads, (sq, sk) = q.shape[1], (q.shape[2], k.shape[2])
    k, v = (_over_heads(_without_padding(x, key_mask), heads) for x in (k, v))
    seen, zero, low = _seen(sq, sk, key_mask, causal), q.dtype.type(0), q.dtype.type(-np.inf)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        s = _logits(q, k, mask, seen, scale)
        top = np.max(s, axis=-1, keepdims=True, initial=low)
        top = np.where(top == low, zero, top)
        p = np.exp(s - top)
        total = np.sum(p, axis=-1, keepdims=True)
        out = np.where(total == 0, zero, _weighted(p, v, seen) / total)
        lse = np.where(total == 0, low, top + np.log(total))
    return out.astype(q.dtype, copy=False), lse[..., 0]


def attention_grad(
    dout: Array,
    q: Array,
    k: Array,
    v: Array,
    out: Array,
    lse: Array,
    mask: Array | None,
    key_mask: Array | None,
    causal: bool,
    scale: float,
) -> tuple[Array, Array, Array]:
    shared, heads, kind = k.shape[1], q.shape[1], q.dtype
    whole_k, whole_v = (_over_heads(_without_padding(x, key_mask), heads) for x in (k, v))
    seen = _seen(q.shape[2], k.shape[2], key_mask, causal)
    zero = kind.type(0)
    lse = lse.astype(kind, copy=False)[..., None]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        s = _logits(q, whole_k, mask, seen, scale)
        p = np.where((lse == -np.inf) | ~seen, zero, np.exp(s - lse))
        delta = np.sum(dout * out, axis=-1, keepdims=True)
        ds = p * (_product(dout, whole_v.swapaxes(-1, -2)) - delta)
        ds = np.where(seen, ds, zero) * kind.type(scale)
        dq = _product(ds, whole_k)
        dk = _shared(_product(ds.swapaxes(-1, -2), q), shared)
        dv = _shared(_product(p.swapaxes(-1, -2), dout), shared)
    return dq, dk, dv


def _shared(x: Array, heads: int) -> Array:
    """Summed over the query heads that share a head of keys."""
    b, whole, *rest = x.shape
    return x if whole == heads else x.reshape(b, heads, whole // heads, *rest).sum(axis=2)
