"""What networks are made of: activations, softmax, normalisation, attention, cross entropy, dropout.

Where a function is heavy, arrays of 16,384 elements and more in float32, float16 or bfloat16 go to `kernels`.
"""

from __future__ import annotations

from typing import Any

from framework.core import dtypes
from framework.core.tensor import Tensor, apply, as_tensor
from framework.errors import ArgumentError, ShapeError
from framework.ops.coerce import (
    Operand,
    axes_from_right,
    axis_from_right,
    binary_float,
    cast,
    common,
    unary_float,
)
from framework.ops.create import ones, zeros
from framework.ops.elementwise import abs, clip, exp, maximum, minimum, where
from framework.prims import nn as p


def relu(x: Operand) -> Tensor:
    """max(x, 0). Its derivative at 0 is 0. `torch.relu`."""
    t = as_tensor(x)
    result: Tensor = apply(p.RELU, t)
    return result


def relu6(x: Operand) -> Tensor:
    """min(max(x, 0), 6). `torch.nn.functional.relu6`."""
    return clip(x, 0.0, 6.0)


def sigmoid(x: Operand) -> Tensor:
    """1 / (1 + exp(-x)), without overflow. `torch.sigmoid`."""
    return unary_float(p.SIGMOID, x)


def logsigmoid(x: Operand) -> Tensor:
    """log(sigmoid(x)), without overflow. `torch.nn.functional.logsigmoid`."""
    t = as_tensor(x)
    return -softplus(-cast(t, dtypes.to_float(t.dtype)))


def softplus(x: Operand) -> Tensor:
    """log(1 + exp(x)), without overflow. `torch.nn.functional.softplus` with beta 1."""
    return unary_float(p.SOFTPLUS, x)


def logaddexp(x: Operand, y: Operand) -> Tensor:
    """log(exp(x) + exp(y)), without overflow. Array API `logaddexp`."""
    return binary_float(p.LOGADDEXP, x, y)


def erf(x: Operand) -> Tensor:
    """The error function. `torch.erf`."""
    return unary_float(p.ERF, x)


def gelu(x: Operand, approximate: str = "none") -> Tensor:
    """x·Φ(x), exact; with `approximate="tanh"` by the formula of Hendrycks and Gimpel 2016. As torch's."""
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"gelu: approximate {approximate!r} is unknown; give 'none' or 'tanh'")
    return unary_float(p.GELU_TANH if approximate == "tanh" else p.GELU, x)


def silu(x: Operand) -> Tensor:
    """x·sigmoid(x). `torch.nn.functional.silu`."""
    return unary_float(p.SILU, x)


def mish(x: Operand) -> Tensor:
    """x·tanh(softplus(x)). `torch.nn.functional.mish`."""
    return unary_float(p.MISH, x)


def elu(x: Operand, alpha: float = 1.0) -> Tensor:
    """x where positive, else alpha·(exp(x) - 1). `torch.nn.functional.elu`."""
    t = as_tensor(x)
    return where(t > 0, t, alpha * (exp(minimum(t, 0.0)) - 1))


def selu(x: Operand) -> Tensor:
    """The self-normalising elu of Klambauer et al. 2017. `torch.nn.functional.selu`."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def leaky_relu(x: Operand, negative_slope: float = 0.01) -> Tensor:
    """x where positive, else negative_slope·x. `torch.nn.functional.leaky_relu`."""
    t = as_tensor(x)
    return where(t > 0, t, negative_slope * t)


def hardsigmoid(x: Operand) -> Tensor:
    """min(max(x + 3, 0), 6) / 6. `torch.nn.functional.hardsigmoid`."""
    return clip(as_tensor(x) + 3.0, 0.0, 6.0) / 6.0


def hardswish(x: Operand) -> Tensor:
    """x·hardsigmoid(x). `torch.nn.functional.hardswish`."""
    return as_tensor(x) * hardsigmoid(x)


def softmax(x: Operand, axis: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis. `torch.softmax`."""
    t = as_tensor(x)
    return unary_float_attrs(p.SOFTMAX, t, axis=axis_from_right(axis, t.ndim, "softmax"))


def log_softmax(x: Operand, axis: int = -1) -> Tensor:
    """log(softmax(x)), finite where softmax is 0. `torch.log_softmax`."""
    t = as_tensor(x)
    return unary_float_attrs(p.LOG_SOFTMAX, t, axis=axis_from_right(axis, t.ndim, "log_softmax"))


def logsumexp(x: Operand, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over axes, of all by default, without overflow. `torch.logsumexp`."""
    t = as_tensor(x)
    return unary_float_attrs(
        p.LOGSUMEXP, t, axis=axes_from_right(axis, t.ndim, "logsumexp"), keepdims=keepdims
    )


def unary_float_attrs(prim: Any, x: Tensor, **attrs: Any) -> Tensor:
    """A primitive with attributes of one floating-point operand."""
    result: Tensor = apply(prim, x if x.dtype.kind not in "iub" else cast(x, float), **attrs)
    return result


def layer_norm(x: Operand, weight: Operand = None, bias: Operand = None, eps: float = 1e-5) -> Tensor:
    """(x - mean) / √(variance + eps) · weight + bias over the last dimension. weight, bias (n,), or None.

    Source: Ba, Kiros and Hinton 2016; `torch.nn.functional.layer_norm`.
    """
    t = as_tensor(x)
    t = cast(t, dtypes.to_float(t.dtype))
    n = t.shape[-1:]
    w = ones(n, t.dtype) if weight is None else cast(weight, t.dtype)
    b = zeros(n, t.dtype) if bias is None else cast(bias, t.dtype)
    _check_row("layer_norm", t, weight=w, bias=b)
    result: Tensor = apply(p.LAYER_NORM, t, w, b, eps=eps)
    return result


def rms_norm(x: Operand, weight: Operand = None, eps: float = 1e-6) -> Tensor:
    """x / √(mean(x²) + eps) · weight over the last dimension. weight (n,), or None. Source: Zhang, Sennrich
    2019.
    """
    t = as_tensor(x)
    t = cast(t, dtypes.to_float(t.dtype))
    w = ones(t.shape[-1:], t.dtype) if weight is None else cast(weight, t.dtype)
    _check_row("rms_norm", t, weight=w)
    result: Tensor = apply(p.RMS_NORM, t, w, eps=eps)
    return result


def _check_row(name: str, x: Tensor, **rows: Tensor) -> None:
    for which, row in rows.items():
        if row.shape != x.shape[-1:] or not x.ndim:
            raise ShapeError(
                f"{name}: {which} of shape {row.shape} for x of shape {x.shape}; x needs a dimension, and "
                f"{which} the size of its last"
            )


def attention(
    q: Operand,
    k: Operand,
    v: Operand,
    mask: Operand = None,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(scale · q kᵀ + mask) v, per head.

    q (b, heads, n, d), k (b, own, m, d), v (b, own, m, e), where heads is a multiple of own; → (b, heads, n,
    e). A mask is added (broadcast to (b, heads, n, m)), or, if bool, says what is seen. `causal`: query i
    sees keys up to i + m - n. `scale` is 1 / √d by default. A query that sees nothing gets zeros. Raises
    ShapeError for shapes that do not fit. `torch.nn.functional.scaled_dot_product_attention`.
    """
    q, k, v = common([q, k, v])
    if q.ndim != 4 or k.ndim != 4 or v.ndim != 4 or k.shape[1] == 0 or q.shape[1] % k.shape[1]:
        raise ShapeError(
            f"attention: q {q.shape}, k {k.shape}, v {v.shape}: four dimensions, q's heads a multiple"
        )
    if k.shape[:3] != v.shape[:3] or q.shape[0] != k.shape[0] or q.shape[-1] != k.shape[-1]:
        raise ShapeError(
            f"attention: q {q.shape}, k {k.shape}, v {v.shape} differ in batch, heads, length or width"
        )
    masks: tuple[Tensor, ...] = ()
    if mask is not None:
        m = as_tensor(mask)
        m = where(m, 0.0, -float("inf")) if m.dtype.kind == "b" else m
        full = (1,) * (4 - m.ndim) + m.shape
        masks = (cast(m.reshape(full), q.dtype),)
    out: tuple[Tensor, Tensor] = apply(
        p.ATTENTION,
        q,
        k,
        v,
        *masks,
        causal=causal,
        scale=q.shape[-1] ** -0.5 if scale is None else float(scale),
    )
    return out[0]


def cross_entropy(logits: Operand, labels: Operand, ignore_index: int = -100) -> Tensor:
    """-log(softmax(logits)[label]) of each row: logits (..., n), integer labels (...) → (...), float32 at
    least.

    A label of `ignore_index` gives 0. `torch.nn.functional.cross_entropy` with reduction "none".
    """
    x, y = as_tensor(logits), as_tensor(labels)
    if y.shape != x.shape[:-1] or y.dtype.kind not in "iu":
        raise ShapeError(
            f"cross_entropy: logits {x.shape}, labels {y.dtype.name} {y.shape}: integers {x.shape[:-1]}"
        )
    result: Tensor = apply(p.CROSS_ENTROPY, x, y, ignore_index=ignore_index)
    return result


def softsign(x: Operand) -> Tensor:
    """x / (1 + |x|). `torch.nn.functional.softsign`."""
    t = as_tensor(x)
    return t / (abs(t) + 1)


def hardtanh(x: Operand, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """x between min_val and max_val. `torch.nn.functional.hardtanh`."""
    return clip(x, min_val, max_val)


def threshold(x: Operand, threshold: float, value: float) -> Tensor:
    """x where it is above the threshold, else `value`. `torch.nn.functional.threshold`."""
    t = as_tensor(x)
    return where(t > threshold, t, value)


def prelu(x: Operand, weight: Operand) -> Tensor:
    """x where positive, else weight·x. `torch.nn.functional.prelu`, the weight broadcast as given."""
    t = as_tensor(x)
    return maximum(t, 0.0) + cast(weight, t.dtype) * minimum(t, 0.0)
