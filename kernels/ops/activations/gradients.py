"""The gradients of the activations: from `dy`, that of the result, to `dx`, that of the argument.

For x to -inf and +inf they are the limits of the derivative.
"""

from __future__ import annotations

from typing import Any

from kernels.call import call
from kernels.ops.activations.schemas import ALPHA, SLOPE, elementwise

RELU_GRAD = elementwise("relu_grad", "dy x", "dx", 1)
LEAKY_RELU_GRAD = elementwise("leaky_relu_grad", "dy x", "dx", 2, SLOPE)
GELU_GRAD = elementwise("gelu_grad", "dy x", "dx", 26)
GELU_TANH_GRAD = elementwise("gelu_tanh_grad", "dy x", "dx", 22)
SILU_GRAD = elementwise("silu_grad", "dy x", "dx", 17)
SIGMOID_GRAD = elementwise("sigmoid_grad", "dy y", "dx", 3)
TANH_GRAD = elementwise("tanh_grad", "dy y", "dx", 4)
SOFTPLUS_GRAD = elementwise("softplus_grad", "dy x", "dx", 13)
ELU_GRAD = elementwise("elu_grad", "dy x", "dx", 12, ALPHA)
HARDSWISH_GRAD = elementwise("hardswish_grad", "dy x", "dx", 3)
MISH_GRAD = elementwise("mish_grad", "dy x", "dx", 20)
SWIGLU_GRAD = elementwise("swiglu_grad", "dy gate up", "dgate dup", 20)


def relu_grad(dy: Any, x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """dy where x > 0, else 0. At 0 it is 0.

    Args:
        dy: gradient of the result of `relu`; any shape; float32, bfloat16 or float16.
        x: the argument of `relu`, shape and dtype of dy.
        out: where the gradient goes, shape and dtype of dy; may be dy.
        version: a version by name.

    Returns:
        Shape and dtype of dy.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.
    """
    return call(RELU_GRAD, (dy, x), (), out, version)


def leaky_relu_grad(
    dy: Any, x: Any, *, slope: float = 0.01, out: Any = None, version: str | None = None
) -> Any:
    """dy where x > 0, else slope dy.

    Args:
        dy: gradient of the result of `leaky_relu`; any shape; float32, bfloat16 or float16.
        x: the argument of `leaky_relu`, shape and dtype of dy.
        slope: as in `leaky_relu`.
        out: where the gradient goes, shape and dtype of dy; may be dy.
        version: a version by name.

    Returns:
        Shape and dtype of dy.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.
    """
    return call(LEAKY_RELU_GRAD, (dy, x), (slope,), out, version)


def gelu_grad(dy: Any, x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """dy (Φ(x) + x φ(x)), φ being the normal density.

    Args:
        dy: gradient of the result of `gelu`; any shape; float32, bfloat16 or float16.
        x: the argument of `gelu`, shape and dtype of dy.
        out: where the gradient goes, shape and dtype of dy; may be dy.
        version: a version by name.

    Returns:
        Shape and dtype of dy.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.
    """
    return call(GELU_GRAD, (dy, x), (), out, version)


def gelu_tanh_grad(dy: Any, x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """dy times the derivative of `gelu_tanh`.

    Args:
        dy: gradient of the result of `gelu_tanh`; any shape; float32, bfloat16 or float16.
        x: the argument of `gelu_tanh`, shape and dtype of dy.
        out: where the gradient goes, shape and dtype of dy; may be dy.
        version: a version by name.

    Returns:
        Shape and dtype of dy.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.
    """
    return call(GELU_TANH_GRAD, (dy, x), (), out, version)


def silu_grad(dy: Any, x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """dy σ(x) (1 + x (1 - σ(x))), σ being `sigmoid`.

    Args:
        dy: gradient of the result of `silu`; any shape; float32, bfloat16 or float16.
        x: the argument of `silu`, shape and dtype of dy.
        out: where the gradient goes, shape and dtype of dy; may be dy.
        version: a version by name.

    Returns:
        Shape and dtype of dy.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.
    """
    return call(SILU_GRAD, (dy, x), (), out, version)


def sigmoid_grad(dy: Any, y: Any, *, out: Any = None, version: str | None = None) -> Any:
    """dy y (1 - y), from the result y of `sigmoid`.

    Args:
        dy: gradient of the result of `sigmoid`; any shape; float32, bfloat16 or float16.
        y: the result of `sigmoid`, shape and dtype of dy.
        out: where the gradient goes, shape and dtype of dy; may be dy.
        version: a version by name.

    Returns:
        Shape and dtype of dy.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.
    """
    return call(SIGMOID_GRAD, (dy, y), (), out, version)


def tanh_grad(dy: Any, y: Any, *, out: Any = None, version: str | None = None) -> Any:
    """dy (1 - y²), from the result y of `tanh`.

    Args:
        dy: gradient of the result of `tanh`; any shape; float32, bfloat16 or float16.
        y: the result of `tanh`, shape and dtype of dy.
        out: where the gradient goes, shape and dtype of dy; may be dy.
        version: a version by name.

    Returns:
        Shape and dtype of dy.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.
    """
    return call(TANH_GRAD, (dy, y), (), out, version)


def softplus_grad(dy: Any, x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """dy σ(x), σ being `sigmoid`.

    Args:
        dy: gradient of the result of `softplus`; any shape; float32, bfloat16 or float16.
        x: the argument of `softplus`, shape and dtype of dy.
        out: where the gradient goes, shape and dtype of dy; may be dy.
        version: a version by name.

    Returns:
        Shape and dtype of dy.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.
    """
    return call(SOFTPLUS_GRAD, (dy, x), (), out, version)


def elu_grad(dy: Any, x: Any, *, alpha: float = 1.0, out: Any = None, version: str | None = None) -> Any:
    """dy where x > 0, else dy alpha exp(x).

    Args:
        dy: gradient of the result of `elu`; any shape; float32, bfloat16 or float16.
        x: the argument of `elu`, shape and dtype of dy.
        alpha: as in `elu`.
        out: where the gradient goes, shape and dtype of dy; may be dy.
        version: a version by name.

    Returns:
        Shape and dtype of dy.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.
    """
    return call(ELU_GRAD, (dy, x), (alpha,), out, version)


def hardswish_grad(dy: Any, x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """dy (x / 3 + 1/2) for -3 < x < 3, 0 below and dy above.

    Args:
        dy: gradient of the result of `hardswish`; any shape; float32, bfloat16 or float16.
        x: the argument of `hardswish`, shape and dtype of dy.
        out: where the gradient goes, shape and dtype of dy; may be dy.
        version: a version by name.

    Returns:
        Shape and dtype of dy.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.
    """
    return call(HARDSWISH_GRAD, (dy, x), (), out, version)


def mish_grad(dy: Any, x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """dy times the derivative of `mish`.

    Args:
        dy: gradient of the result of `mish`; any shape; float32, bfloat16 or float16.
        x: the argument of `mish`, shape and dtype of dy.
        out: where the gradient goes, shape and dtype of dy; may be dy.
        version: a version by name.

    Returns:
        Shape and dtype of dy.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.
    """
    return call(MISH_GRAD, (dy, x), (), out, version)


def swiglu_grad(dy: Any, gate: Any, up: Any, *, out: Any = None, version: str | None = None) -> Any:
    """The gradients (dgate, dup) = (dy up silu'(gate), dy silu(gate)), in one pass over all.

    Args:
        dy: gradient of the result of `swiglu`; any shape; float32, bfloat16 or float16.
        gate, up: the arguments of `swiglu`, shape and dtype of dy.
        out: a pair of arrays of shape and dtype of dy; the first may be dy.
        version: a version by name.

    Returns:
        The pair, each of shape and dtype of dy.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.
    """
    return call(SWIGLU_GRAD, (dy, gate, up), (), out, version)
