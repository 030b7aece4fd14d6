"""Records of what networks are made of. The heavy ones are computed by `kernels` where an array is large
enough for a call to be worth it, and are defined by `expand`: the same in smaller primitives. From that come
their implementation for everything else, the derivatives that the record does not give, batching, and what
the compiler fuses.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import factorial, pi, sqrt
from typing import Any

import numpy as np

import framework.ops as ops
from framework.core import backend, dtypes
from framework.core.prim import Aval, Prim, define
from framework.core.tensor import Tensor, apply, wrap
from framework.prims.elementwise import binary, ordered_inexact, same, unary
from framework.prims.index import whole_axis
from framework.prims.reduce import reduced, reduction_axes, unreduced
from framework.prims.shape import batch_all


def heavy(name: str, expand: Callable[..., Any], infer: Any, kernel_call: Any = None, **fields: Any) -> Prim:
    """A record defined by `expand`. `kernel_call(f, *arrays, **attrs)` calls the kernel of the same name."""

    def impl(xp: Any, *arrays: Any, **attrs: Any) -> Any:
        f = backend.kernel(name, arrays[0]) if kernel_call is not None else None
        if f is not None:
            return kernel_call(f, *arrays, **attrs)
        out = expand(*[wrap(a) for a in arrays], **attrs)
        return tuple([t.value for t in out]) if isinstance(out, tuple) else out.value

    return define(name, impl, infer, expand=expand, **fields)


# Activations that are primitives of their own.
RELU = unary("relu", lambda xp, x: xp.maximum(x, x.dtype.type(0)), lambda g, o, x: ops.where(o > 0, g, 0))


def _sigmoid(xp: Any, x: Any) -> Any:
    small = xp.exp(-xp.abs(x))  # never overflows
    return xp.where(x >= 0, x.dtype.type(1), small) / (1 + small)


SIGMOID = unary("sigmoid", _sigmoid, lambda g, o, x: g * (o * (1 - o)))
SOFTPLUS = unary(
    "softplus",
    lambda xp, x: xp.logaddexp(x, x.dtype.type(0)),
    lambda g, o, x: g * ops.sigmoid(x),
    infer=ordered_inexact,
)
LOGADDEXP = binary(
    "logaddexp",
    lambda xp, x, y: xp.logaddexp(x, y),
    (lambda g, o, x, y: g * ops.sigmoid(x - y), lambda g, o, x, y: g * ops.sigmoid(y - x)),
    infer=ordered_inexact,
)


@cache
def _erf_table() -> tuple[np.ndarray, np.ndarray]:
    from math import erf

    nodes = np.arange(0, 6.03125, 1 / 32)
    return np.array([erf(v) for v in nodes]), 2 / sqrt(pi) * np.exp(-nodes * nodes)


def _erf(xp: Any, x: Any) -> Any:
    """Taylor's series of 8 terms around the nearest of 193 nodes, in float64: error below 1e-15."""
    table, slopes = _erf_table()
    v = xp.minimum(xp.abs(x.astype(xp.float64)), 6.0)
    i = xp.rint(xp.where(v == v, v, 0.0) * 32).astype(xp.int64)
    a = i / 32.0
    d = v - a
    term, before, total = xp.ones_like(v), xp.zeros_like(v), d.copy()  # Hermite polynomials, from degree 0
    power = d
    for n in range(1, 9):
        term, before = -2 * a * term - 2 * (n - 1) * before, term
        power = power * d
        total += term * power / factorial(n + 1)
    out = xp.asarray(table)[i] + xp.asarray(slopes)[i] * total
    return xp.copysign(out, x.astype(xp.float64)).astype(x.dtype)


ERF = unary("erf", _erf, lambda g, o, x: g * (ops.exp(-x * x) * (2 / sqrt(pi))), "erf({0})")


def _activation(name: str, expand: Callable[[Tensor], Tensor], infer: Callable[..., Any] = same) -> Prim:
    """An activation and its gradient, both with kernels."""

    def gradient(dy: Tensor, x: Tensor) -> Tensor:
        from framework.transforms.autodiff import vjp

        return vjp(expand, x)[1](dy)  # type: ignore[no-any-return]

    grad = heavy(
        f"{name}_grad", gradient, same, lambda f, dy, x: f(dy, x), axes="...,...->...", vmap=batch_all
    )
    return heavy(
        name,
        expand,
        infer,
        lambda f, x: f(x),
        axes="...->...",
        vjp=(lambda g, o, x: apply(grad, g, x),),
        jvp="diagonal",
    )


def _gelu_tanh(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + ops.tanh(sqrt(2 / pi) * (x + 0.044715 * (x * x * x))))


GELU = _activation("gelu", lambda x: 0.5 * x * (1 + ops.erf(x * sqrt(0.5))))
GELU_TANH = _activation("gelu_tanh", _gelu_tanh)
SILU = _activation("silu", lambda x: x * ops.sigmoid(x))
MISH = _activation("mish", lambda x: x * ops.tanh(ops.softplus(x)), ordered_inexact)


# Softmax and its kin, along one axis.
def _softmax(x: Tensor, axis: int) -> Tensor:
    if x.shape[axis] == 0:
        return x
    e = ops.exp(x - ops.stop_gradient(ops.max(x, axis, keepdims=True)))
    return e / ops.sum(e, axis, keepdims=True)


def _log_softmax(x: Tensor, axis: int) -> Tensor:
    return x - ops.logsumexp(x, axis, keepdims=True)


def _softmax_grad(dy: Tensor, y: Tensor, axis: int) -> Tensor:
    return y * (dy - ops.sum(dy * y, axis, keepdims=True))


def _log_softmax_grad(dy: Tensor, y: Tensor, axis: int) -> Tensor:
    return dy - ops.exp(y) * ops.sum(dy, axis, keepdims=True)


def _pair_axis(avals: Any, attrs: dict[str, Any]) -> str:
    one, _, out = whole_axis(avals, attrs).partition("->")
    return f"{one},{one}->{out}"


def _first(x: Any, *others: Any, **attrs: Any) -> Aval:
    return Aval(x.shape, x.dtype)


def _along_axis(f: Callable[..., Any], *xs: Any, axis: int) -> Any:
    return f(*xs, axis=axis)


SOFTMAX_GRAD = heavy("softmax_grad", _softmax_grad, _first, _along_axis, axes=_pair_axis)
SOFTMAX = heavy(
    "softmax", _softmax, _first, _along_axis, axes=whole_axis,
    vjp=(lambda g, o, x, axis: apply(SOFTMAX_GRAD, g, o, axis=axis),),
)  # fmt: skip
LOG_SOFTMAX_GRAD = heavy("log_softmax_grad", _log_softmax_grad, _first, _along_axis, axes=_pair_axis)
LOG_SOFTMAX = heavy(
    "log_softmax", _log_softmax, _first, _along_axis, axes=whole_axis,
    vjp=(lambda g, o, x, axis: apply(LOG_SOFTMAX_GRAD, g, o, axis=axis),),
)  # fmt: skip


def _logsumexp(xp: Any, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    top = xp.max(x, axis=axis, keepdims=True, initial=-xp.inf)
    top = xp.where(xp.isfinite(top), top, x.dtype.type(0))
    with np.errstate(divide="ignore"):  # the logarithm of an empty sum is -inf
        out = xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top
    return (out if keepdims else xp.squeeze(out, axis=axis)).astype(x.dtype)


def _logsumexp_vjp(g: Tensor, o: Tensor, x: Tensor, axis: tuple[int, ...], keepdims: bool) -> Tensor:
    whole = unreduced(o, x, axis, keepdims)
    infinite = ops.isinf(whole)  # then the elements that are so share it evenly
    chosen = ops.cast(x == whole, x.dtype)
    even = chosen / ops.maximum(ops.sum(chosen, axis, keepdims=True), 1)
    share = ops.where(infinite, even, ops.exp(x - ops.where(infinite, 0, whole)))
    return ops.multiply(unreduced(g, x, axis, keepdims), share)


LOGSUMEXP = define("logsumexp", _logsumexp, reduced, axes=reduction_axes(""), vjp=(_logsumexp_vjp,))


# Normalisation over the last dimension.
def _layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    centred = x - ops.mean(x, -1, keepdims=True)
    return centred * ops.rsqrt(ops.mean(centred * centred, -1, keepdims=True) + eps) * weight + bias


def _layer_norm_grad(dy: Tensor, x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, ...]:
    centred = x - ops.mean(x, -1, keepdims=True)
    inverse = ops.rsqrt(ops.mean(centred * centred, -1, keepdims=True) + eps)
    normal = centred * inverse
    d = dy * weight
    dx = inverse * (d - ops.mean(d, -1, keepdims=True) - normal * ops.mean(d * normal, -1, keepdims=True))
    rows = tuple(range(x.ndim - 1))
    return dx, ops.sum(dy * normal, rows), ops.sum(dy, rows)


def _rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return x * ops.rsqrt(ops.mean(x * x, -1, keepdims=True) + eps) * weight


def _rms_norm_grad(dy: Tensor, x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, ...]:
    inverse = ops.rsqrt(ops.mean(x * x, -1, keepdims=True) + eps)
    normal = x * inverse
    d = dy * weight
    dx = inverse * (d - normal * ops.mean(d * normal, -1, keepdims=True))
    return dx, ops.sum(dy * normal, tuple(range(x.ndim - 1)))


def _norm_grads(dy: Any, x: Any, weight: Any, eps: float) -> tuple[Aval, ...]:
    return Aval(x.shape, x.dtype), Aval(weight.shape, x.dtype), Aval(weight.shape, x.dtype)


def _with_eps(f: Callable[..., Any], *arrays: Any, eps: float) -> Any:
    return f(*arrays, eps=eps)


LAYER_NORM_GRAD = heavy("layer_norm_grad", _layer_norm_grad, _norm_grads, _with_eps, multi=True)
LAYER_NORM = heavy(
    "layer_norm", _layer_norm, _first, _with_eps, axes="...A,A,A->...A",
    vjp=lambda g, o, x, weight, bias, eps: apply(LAYER_NORM_GRAD, g, x, weight, eps=eps),
)  # fmt: skip
RMS_NORM_GRAD = heavy(
    "rms_norm_grad", _rms_norm_grad, lambda *a, **k: _norm_grads(*a, **k)[:2], _with_eps, multi=True
)  # fmt: skip
RMS_NORM = heavy(
    "rms_norm", _rms_norm, _first, _with_eps, axes="...A,A->...A",
    vjp=lambda g, o, x, weight, eps: apply(RMS_NORM_GRAD, g, x, weight, eps=eps),
)  # fmt: skip


# Attention of [batch, heads, queries, width]; keys and values may have fewer heads.
def _logits(q: Tensor, k: Tensor, mask: tuple[Tensor, ...], causal: bool, scale: float) -> Tensor:
    s = ops.matmul(q, ops.matrix_transpose(k)) * scale
    for m in mask:
        s = s + m
    if causal:
        n, keys = s.shape[-2:]
        seen = ops.arange(keys) <= ops.expand_dims(ops.arange(n), 1) + (keys - n)
        s = ops.where(seen, s, -float("inf"))
    return s


def _shared(k: Tensor, heads: int) -> Tensor:
    """Keys or values, each repeated for the queries' heads that share it."""
    b, own, n, d = k.shape
    if own == heads:
        return k
    wide = ops.broadcast_to(ops.reshape(k, (b, own, 1, n, d)), (b, own, heads // own, n, d))
    return ops.reshape(wide, (b, heads, n, d))


def _attention(
    q: Tensor, k: Tensor, v: Tensor, *mask: Tensor, causal: bool, scale: float
) -> tuple[Tensor, ...]:
    heads = q.shape[1]
    s = _logits(q, _shared(k, heads), mask, causal, scale)
    lse = ops.logsumexp(s, -1)
    seen = ops.isfinite(lse)
    p = ops.exp(s - ops.expand_dims(ops.where(seen, lse, 0), -1))
    return ops.matmul(p, _shared(v, heads)), ops.cast(
        lse, dtypes.float32 if q.dtype.itemsize < 8 else q.dtype
    )


def _attention_grad(
    g: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    *mask: Tensor,
    causal: bool,
    scale: float,
) -> tuple[Tensor, ...]:
    b, heads, own = q.shape[0], q.shape[1], k.shape[1]
    keys, values = _shared(k, heads), _shared(v, heads)
    s = _logits(q, keys, mask, causal, scale)
    p = ops.exp(s - ops.cast(ops.expand_dims(ops.where(ops.isfinite(lse), lse, 0), -1), s.dtype))
    dp = ops.matmul(g, ops.matrix_transpose(values))
    ds = p * (dp - ops.sum(g * out, -1, keepdims=True)) * scale

    def gathered(d: Tensor) -> Tensor:
        return ops.sum(ops.reshape(d, (b, own, heads // own, *d.shape[2:])), 2) if own != heads else d

    dk = gathered(ops.matmul(ops.matrix_transpose(ds), q))
    return ops.matmul(ds, keys), dk, gathered(ops.matmul(ops.matrix_transpose(p), g))


def _attention_avals(q: Any, k: Any, v: Any, *mask: Any, causal: bool, scale: float) -> tuple[Aval, Aval]:
    narrow = dtypes.float32 if q.dtype.itemsize < 8 else q.dtype
    return Aval((*q.shape[:-1], v.shape[-1]), q.dtype), Aval(q.shape[:-1], narrow)


ATTENTION_GRAD = heavy(
    "attention_grad",
    _attention_grad,
    lambda g, q, k, v, *rest, causal, scale: tuple([Aval(x.shape, x.dtype) for x in (q, k, v)]),
    lambda f, *xs, causal, scale: f(*xs[:6], mask=xs[6] if len(xs) > 6 else None, causal=causal, scale=scale),
    multi=True,
)


def _attention_vjp(g: Any, out: Any, q: Any, k: Any, v: Any, *mask: Any, causal: bool, scale: float) -> Any:
    """By the kernel where only the result is followed; of the mask, or of lse, by the definition."""
    from framework.transforms.walks import by_expansion

    if g[1] is not None or any(m.prim is not None for m in mask):
        return by_expansion(ATTENTION, g, (q, k, v, *mask), {"causal": causal, "scale": scale})
    found = apply(ATTENTION_GRAD, g[0], q, k, v, *out, *mask, causal=causal, scale=scale)
    return (*found, *(None,) * len(mask))


ATTENTION = heavy(
    "attention",
    _attention,
    _attention_avals,
    lambda f, q, k, v, *mask, causal, scale: f(
        q, k, v, mask=mask[0] if mask else None, causal=causal, scale=scale, return_lse=True
    ),
    vjp=_attention_vjp,
    multi=True,
)


# Cross entropy of rows of logits with integer labels.
def _cross_entropy(logits: Tensor, labels: Tensor, ignore_index: int) -> Tensor:
    kept = labels != ignore_index
    index = ops.expand_dims(ops.where(kept, labels, 0), -1)
    chosen = ops.squeeze(ops.take_along_axis(ops.log_softmax(logits, -1), index, -1), -1)
    return ops.cast(ops.where(kept, -chosen, 0), _loss_dtype(logits))


def _cross_entropy_grad(logits: Tensor, labels: Tensor, g: Tensor, ignore_index: int) -> Tensor:
    hit = ops.expand_dims(labels, -1) == ops.arange(logits.shape[-1])
    g = ops.where(labels != ignore_index, g, 0)
    return ops.cast(
        (ops.softmax(logits, -1) - ops.cast(hit, logits.dtype)) * ops.expand_dims(g, -1), logits.dtype
    )


def _loss_dtype(logits: Any) -> Any:
    return dtypes.float32 if logits.dtype.itemsize < 8 else logits.dtype


CROSS_ENTROPY_GRAD = heavy(
    "cross_entropy_grad", _cross_entropy_grad, _first,
    lambda f, *xs, ignore_index: f(*xs, ignore_index=ignore_index), axes="...A,...,...->...A", vmap=batch_all,
)  # fmt: skip
CROSS_ENTROPY = heavy(
    "cross_entropy",
    _cross_entropy,
    lambda logits, labels, ignore_index: Aval(labels.shape, _loss_dtype(logits)),
    lambda f, *xs, ignore_index: f(*xs, ignore_index=ignore_index),
    axes="...A,...->...",
    vmap=batch_all,
    vjp=(
        lambda g, o, x, y, ignore_index: apply(CROSS_ENTROPY_GRAD, x, y, g, ignore_index=ignore_index),
        None,
    ),
)
