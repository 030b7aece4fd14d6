"""What torch computes in place of each differentiable primitive: `TORCH[name](torch, *ins, **attrs)`.

The oracle of `ops/test_torch.py`. It is written from what a record promises, not from how it does it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Counterpart = Callable[..., Any]


def _same(*names: str) -> dict[str, Counterpart]:
    """Functions of torch under our name."""
    return {name: lambda o, *xs, n=name: getattr(o, n)(*xs) for name in names}


def pulled(f: Counterpart) -> Counterpart:
    """The gradient of f of the last operand, times the first: what an activation's `_grad` is."""

    def gradient(o: Any, dy: Any, *xs: Any, **attrs: Any) -> Any:
        return o.func.vjp(lambda *ys: f(o, *ys, **attrs), *xs)[1](dy)

    return gradient


def reduced(name: str) -> Counterpart:
    """amax, amin, prod, logsumexp over several axes."""

    def reduce(o: Any, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
        if name != "prod":
            return getattr(o, name)(x, dim=axis, keepdim=keepdims)
        for a in sorted(axis, reverse=not keepdims) if keepdims else sorted(axis):
            x = o.prod(x, dim=a, keepdim=True)
        return x if keepdims else x.squeeze(axis)

    return reduce


def _slice(o: Any, x: Any, where: Any) -> Any:
    for axis, (start, stop, step) in enumerate(where, x.ndim - len(where)):
        x = o.index_select(x, axis, o.arange(start, stop, step))
    return x


def _unslice(o: Any, x: Any, where: Any, shape: Any) -> Any:
    places = o.meshgrid(*[o.arange(*each) for each in where], indexing="ij")
    return o.zeros(shape, dtype=x.dtype).index_put(places, x)


def _add_along(o: Any, g: Any, i: Any, axis: int, n: int) -> Any:
    shape = list(i.shape)
    shape[axis] = n
    return o.zeros(shape, dtype=g.dtype).scatter_add(axis, i, g.expand(i.shape))


def _normalised(centre: bool) -> Counterpart:
    def norm(o: Any, x: Any, weight: Any, bias: Any = 0.0, *, eps: float) -> Any:
        x = x - x.mean(-1, keepdim=True) if centre else x
        return x / o.sqrt((x * x).mean(-1, keepdim=True) + eps) * weight + bias

    return norm


def _norm_grad(centre: bool) -> Counterpart:
    def gradient(o: Any, dy: Any, x: Any, weight: Any, eps: float) -> Any:
        f = _normalised(centre)
        _, pull = o.func.vjp(lambda *xs: f(o, *xs, eps=eps), x, weight, o.zeros_like(weight))
        return pull(dy)[: 2 + centre]

    return gradient


def _logits(o: Any, q: Any, k: Any, mask: tuple[Any, ...], causal: bool, scale: float) -> Any:
    s = q @ k.transpose(-1, -2) * scale + sum(mask)
    seen = o.ones(s.shape[-2:], dtype=o.bool).tril(s.shape[-1] - s.shape[-2])
    return s.masked_fill(~seen, -float("inf")) if causal else s


def _attention(o: Any, q: Any, k: Any, v: Any, *mask: Any, causal: bool, scale: float) -> Any:
    s = _logits(o, q, k, mask, causal, scale)
    return o.softmax(s, -1) @ v, o.logsumexp(s, -1)


def _attention_grad(
    o: Any, g: Any, q: Any, k: Any, v: Any, out: Any, lse: Any, causal: bool, scale: float
) -> Any:
    p = o.exp(_logits(o, q, k, (), causal, scale) - lse[..., None])
    ds = p * (g @ v.transpose(-1, -2) - (g * out).sum(-1, keepdim=True)) * scale
    dk, dv = ds.transpose(-1, -2) @ q, p.transpose(-1, -2) @ g
    return ds @ k, dk.sum(1, keepdim=True), dv.sum(1, keepdim=True)  # the heads share one of each


def _cross_entropy(o: Any, x: Any, labels: Any, ignore_index: int) -> Any:
    return o.nn.functional.cross_entropy(x, labels, ignore_index=ignore_index, reduction="none")


def _cross_entropy_grad(o: Any, x: Any, labels: Any, g: Any, ignore_index: int) -> Any:
    return o.func.vjp(lambda y: _cross_entropy(o, y, labels, ignore_index), x)[1](g)


def _conv(o: Any, x: Any, w: Any, **at: Any) -> Any:
    return o.nn.functional.conv2d(x, w, **at)


def _conv_dx(o: Any, g: Any, w: Any, size: Any, **at: Any) -> Any:
    like = o.zeros(g.shape[0], w.shape[1] * at["groups"], *size, dtype=g.dtype)
    return o.func.vjp(lambda x: _conv(o, x, w, **at), like)[1](g)


def _conv_dw(o: Any, x: Any, g: Any, kernel: Any, **at: Any) -> Any:
    like = o.zeros(g.shape[1], x.shape[1] // at["groups"], *kernel, dtype=g.dtype)
    return o.func.vjp(lambda w: _conv(o, x, w, **at), like)[1](g)


def _max_pool(o: Any, x: Any, kernel: Any, stride: Any, padding: Any) -> Any:
    return o.nn.functional.max_pool2d(x, kernel, stride, padding)


def _avg_pool(o: Any, x: Any, kernel: Any, stride: Any, padding: Any) -> Any:
    return o.nn.functional.avg_pool2d(x, kernel, stride, padding)


def _avg_unpool(o: Any, g: Any, size: Any, **at: Any) -> Any:
    like = o.zeros(*g.shape[:2], *size, dtype=g.dtype)
    return o.func.vjp(lambda x: _avg_pool(o, x, **at), like)[1](g)


def _gather_pooled(o: Any, x: Any, places: Any) -> Any:
    return x.flatten(2).gather(2, places.flatten(2)).reshape(places.shape)


def _unpool(o: Any, g: Any, places: Any, size: Any) -> Any:
    flat = o.zeros(*g.shape[:2], size[0] * size[1], dtype=g.dtype)
    return flat.scatter_add(2, places.flatten(2), g.flatten(2)).reshape(*g.shape[:2], *size)


def _scan(o: Any, carry: Any, rows: Any, w: Any, **attrs: Any) -> Any:
    found = []
    for row in rows.flip(0):
        carry, y = o.sin(carry * w) + row, carry * row
        found.append(y)
    return carry, o.stack(found[::-1])


def _while(o: Any, x: Any, w: Any, **attrs: Any) -> Any:
    while x.sum() < 4.0:
        x = x * x * w + 0.5
    return x


def _magnitudes(f: Counterpart) -> Counterpart:
    """Vectors' signs are the library's choice: their magnitudes."""
    return lambda o, x: [abs(y) for y in f(o, x)]


def _silu(o: Any, x: Any) -> Any:
    return o.nn.functional.silu(x)


def _mish(o: Any, x: Any) -> Any:
    return o.nn.functional.mish(x)


def _gelu(o: Any, x: Any) -> Any:
    return o.nn.functional.gelu(x)


def _gelu_tanh(o: Any, x: Any) -> Any:
    return o.nn.functional.gelu(x, approximate="tanh")


TORCH: dict[str, Counterpart] = {
    **_same(
        "abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "copysign", "cos", "cosh",
        "div", "erf", "exp", "expm1", "log", "log10", "log1p", "log2", "logaddexp", "matmul", "maximum",
        "minimum", "mul", "neg", "pow", "reciprocal", "relu", "remainder", "rsqrt", "sigmoid", "sin", "sinh",
        "sqrt", "square", "sub", "tan", "tanh", "where",
    ),
    "softplus": lambda o, x: o.nn.functional.softplus(x),
    "silu": _silu, "mish": _mish, "gelu": _gelu, "gelu_tanh": _gelu_tanh,
    "silu_grad": pulled(_silu), "mish_grad": pulled(_mish),
    "gelu_grad": pulled(_gelu), "gelu_tanh_grad": pulled(_gelu_tanh),
    "identity": lambda o, x: x,
    "copy": lambda o, x: x.clone(),
    "cast": lambda o, x, dtype: x.double(),
    "reshape": lambda o, x, shape: x.reshape(shape),
    "broadcast_to": lambda o, x, shape: x.expand(shape),
    "transpose": lambda o, x, perm: x.permute(*range(x.ndim - len(perm)), *perm),
    "concat": lambda o, *xs, axis: o.cat(xs, axis),
    "slice": _slice, "unslice": _unslice,
    "sum": lambda o, x, axis, keepdims: x.sum(axis, keepdim=keepdims),
    "max": reduced("amax"), "min": reduced("amin"), "prod": reduced("prod"),
    "logsumexp": reduced("logsumexp"),
    "cumsum": lambda o, x, axis: o.cumsum(x, axis),
    "cumprod": lambda o, x, axis: o.cumprod(x, axis),
    "gather": lambda o, x, *indices: x[indices],
    "scatter_add": lambda o, g, *i, shape: o.zeros(shape, dtype=g.dtype).index_put(i, g, accumulate=True),
    "scatter": lambda o, x, v, i: o.stack([v[1] if n == 1 else v[2] if n == 0 else x[n] for n in range(4)]),
    "take_along_axis": lambda o, x, i, axis: x.gather(axis, i.expand(*x.shape[:-1], -1)),
    "add_along_axis": _add_along,
    "softmax": lambda o, x, axis: o.softmax(x, axis),
    "log_softmax": lambda o, x, axis: o.log_softmax(x, axis),
    "softmax_grad": lambda o, dy, y, axis: y * (dy - (dy * y).sum(axis, keepdim=True)),
    "log_softmax_grad": lambda o, dy, y, axis: dy - o.exp(y) * dy.sum(axis, keepdim=True),
    "layer_norm": _normalised(True), "layer_norm_grad": _norm_grad(True),
    "rms_norm": _normalised(False), "rms_norm_grad": _norm_grad(False),
    "attention": _attention, "attention_grad": _attention_grad,
    "cross_entropy": _cross_entropy, "cross_entropy_grad": _cross_entropy_grad,
    "conv2d": _conv, "conv2d_dx": _conv_dx, "conv2d_dw": _conv_dw,
    "max_pool2d": _max_pool, "max_unpool2d": _unpool, "gather_pooled2d": _gather_pooled,
    "avg_pool2d": _avg_pool, "avg_unpool2d": _avg_unpool,
    "einsum": lambda o, *xs, spec: o.einsum(spec, *xs),
    "cholesky": lambda o, x: o.linalg.cholesky((x + x.mT) / 2),
    "solve": lambda o, a, b: o.linalg.solve(a, b),
    "inv": lambda o, x: o.linalg.inv(x),
    "slogdet": lambda o, x: o.linalg.slogdet(x),
    "eigh": _magnitudes(lambda o, x: o.linalg.eigh((x + x.mT) / 2)),
    "qr": _magnitudes(lambda o, x: o.linalg.qr(x)),
    "svd": _magnitudes(lambda o, x: o.linalg.svd(x, full_matrices=False)),
    "call": lambda o, x, y, graph: (o.sin(x) * y, x + 1),
    "cond": lambda o, p, x, y, then, other: x * y,
    "scan": _scan, "while": _while,
    "conj": lambda o, a, b: [a, -b],
    "real": lambda o, a, b: a,
    "imag": lambda o, a, b: b,
    "fft": lambda o, a, b, axis, inverse: o.view_as_real(o.fft.fft(o.complex(a, b), dim=axis)).unbind(-1),
}  # fmt: skip
