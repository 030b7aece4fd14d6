"""The activations and their gradients in NumPy, in the dtype of what they are given.

Constants are made of that dtype first, because a Python number turns bfloat16 into float32.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_erf = np.frompyfunc(math.erf, 1, 1)
quiet = np.errstate(over="ignore", invalid="ignore")  # infinities and NaN are results like others
FAR = 1000  # behind it every derivative here has reached its limit; float16 has it too


def erf(x: Any) -> Any:
    """NumPy has none: Python's, rounded to the dtype of x."""
    return np.asarray(_erf(np.asarray(x, np.float64)), np.float64).astype(x.dtype)


def _cut(x: Any, low: float, high: float) -> Any:
    c = x.dtype.type
    return np.minimum(np.maximum(x, c(low)), c(high))


@quiet
def relu(x: Any) -> Any:
    return np.maximum(x, x.dtype.type(0))


@quiet
def relu_grad(dy: Any, x: Any) -> Any:
    return np.where(x <= 0, dy.dtype.type(0), dy)


@quiet
def leaky_relu(x: Any, slope: float) -> Any:
    return np.where(x > 0, x, x * x.dtype.type(slope))


@quiet
def leaky_relu_grad(dy: Any, x: Any, slope: float) -> Any:
    return np.where(x > 0, dy, dy * dy.dtype.type(slope))


@quiet
def gelu(x: Any) -> Any:
    c = x.dtype.type
    return c(0.5) * x * (c(1) + erf(x * c(math.sqrt(0.5))))


@quiet
def gelu_grad(dy: Any, x: Any) -> Any:
    c = x.dtype.type
    x = _cut(x, -40, 40)
    below = c(0.5) * (c(1) + erf(x * c(math.sqrt(0.5))))
    return dy * (below + x * (np.exp(c(-0.5) * x * x) * c(1 / math.sqrt(2 * math.pi))))


@quiet
def _tanh_of_cubic(x: Any) -> Any:
    c = x.dtype.type
    return np.tanh(c(math.sqrt(2 / math.pi)) * (x + c(0.044715) * x * x * x))


@quiet
def gelu_tanh(x: Any) -> Any:
    c = x.dtype.type
    return c(0.5) * x * (c(1) + _tanh_of_cubic(x))


@quiet
def gelu_tanh_grad(dy: Any, x: Any) -> Any:
    c = x.dtype.type
    x = _cut(x, -40, 40)
    t = _tanh_of_cubic(x)
    slope = c(math.sqrt(2 / math.pi)) * (c(1) + c(3 * 0.044715) * x * x)
    return dy * (c(0.5) * (c(1) + t) + c(0.5) * x * (c(1) - t * t) * slope)


@quiet
def sigmoid(x: Any) -> Any:
    c = x.dtype.type
    return c(1) / (c(1) + np.exp(-x))


@quiet
def sigmoid_grad(dy: Any, y: Any) -> Any:
    return dy * (y * (y.dtype.type(1) - y))


@quiet
def silu(x: Any) -> Any:
    return x / (x.dtype.type(1) + np.exp(-x))


@quiet
def _silu_slope(x: Any) -> Any:
    c = x.dtype.type
    x = _cut(x, -FAR, FAR)
    s = sigmoid(x)
    return s * (c(1) + x * (c(1) - s))


@quiet
def silu_grad(dy: Any, x: Any) -> Any:
    return dy * _silu_slope(x)


@quiet
def tanh(x: Any) -> Any:
    return np.tanh(x)


@quiet
def tanh_grad(dy: Any, y: Any) -> Any:
    return dy * (y.dtype.type(1) - y * y)


@quiet
def softplus(x: Any) -> Any:
    return np.maximum(x, x.dtype.type(0)) + np.log1p(np.exp(-np.abs(x)))


@quiet
def softplus_grad(dy: Any, x: Any) -> Any:
    return dy * sigmoid(x)


@quiet
def elu(x: Any, alpha: float) -> Any:
    c = x.dtype.type
    return np.where(x > 0, x, c(alpha) * np.expm1(np.minimum(x, c(0))))


@quiet
def elu_grad(dy: Any, x: Any, alpha: float) -> Any:
    c = x.dtype.type
    return np.where(x > 0, dy, dy * (c(alpha) * np.exp(np.minimum(x, c(0)))))


@quiet
def hardswish(x: Any) -> Any:
    c = x.dtype.type
    return x * (_cut(x + c(3), 0, 6) / c(6))


@quiet
def hardswish_grad(dy: Any, x: Any) -> Any:
    c = x.dtype.type
    return np.where(x <= -3, c(0), np.where(x >= 3, dy, dy * (x / c(3) + c(0.5))))


@quiet
def mish(x: Any) -> Any:
    return x * np.tanh(softplus(x))


@quiet
def mish_grad(dy: Any, x: Any) -> Any:
    c = x.dtype.type
    x = _cut(x, -FAR, FAR)
    t = np.tanh(softplus(x))
    return dy * (t + x * (c(1) - t * t) * sigmoid(x))


@quiet
def swiglu(gate: Any, up: Any) -> Any:
    return silu(gate) * up


@quiet
def swiglu_grad(dy: Any, gate: Any, up: Any) -> Any:
    return dy * up * _silu_slope(gate), dy * silu(gate)
