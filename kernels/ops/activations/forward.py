"""The activations themselves."""

from __future__ import annotations

from typing import Any

from kernels.call import call
from kernels.ops.activations.schemas import ALPHA, SLOPE, TABLE, elementwise

RELU = elementwise("relu", "x", "y", 1)
LEAKY_RELU = elementwise("leaky_relu", "x", "y", 2, SLOPE)
GELU = elementwise("gelu", "x", "y", 16, more=TABLE)
GELU_TANH = elementwise("gelu_tanh", "x", "y", 14, more=TABLE)
SILU = elementwise("silu", "x", "y", 12)
SIGMOID = elementwise("sigmoid", "x", "y", 12)
TANH = elementwise("tanh", "x", "y", 14)
SOFTPLUS = elementwise("softplus", "x", "y", 18)
ELU = elementwise("elu", "x", "y", 14, ALPHA)
HARDSWISH = elementwise("hardswish", "x", "y", 4)
MISH = elementwise("mish", "x", "y", 16)
SWIGLU = elementwise("swiglu", "gate up", "y", 13)


def relu(x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """max(x, 0).

    Args:
        x: any shape; float32, bfloat16 or float16. Computed in float32.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.

    Source: Fukushima 1969; Nair and Hinton 2010.
    """
    return call(RELU, (x,), (), out, version)


def leaky_relu(x: Any, *, slope: float = 0.01, out: Any = None, version: str | None = None) -> Any:
    """x where x > 0, else slope x.

    Args:
        x: any shape; float32, bfloat16 or float16. Computed in float32.
        slope: what negative values are multiplied by.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.

    Source: Maas, Hannun and Ng 2013.
    """
    return call(LEAKY_RELU, (x,), (slope,), out, version)


def gelu(x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """x Φ(x) = 0.5 x (1 + erf(x / √2)); `gelu_tanh` approximates it.

    Args:
        x: any shape; float32, bfloat16 or float16. Computed in float32.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x. -inf gives NaN, as -inf · 0 does.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.

    Source: Hendrycks and Gimpel 2016.
    """
    return call(GELU, (x,), (), out, version)


def gelu_tanh(x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), the approximation of `gelu` that GPT-2 uses.

    Args:
        x: any shape; float32, bfloat16 or float16. Computed in float32.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x. -inf gives NaN, as -inf · 0 does.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.

    Source: Hendrycks and Gimpel 2016.
    """
    return call(GELU_TANH, (x,), (), out, version)


def silu(x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """x / (1 + exp(-x)), also called swish.

    Args:
        x: any shape; float32, bfloat16 or float16. Computed in float32.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x. -inf gives NaN, as -inf · 0 does.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.

    Source: Elfwing, Uchibe and Doya 2017; Ramachandran, Zoph and Le 2017.
    """
    return call(SILU, (x,), (), out, version)


def sigmoid(x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """1 / (1 + exp(-x)).

    Args:
        x: any shape; float32, bfloat16 or float16. Computed in float32.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.

    Source: the logistic function, Verhulst 1838.
    """
    return call(SIGMOID, (x,), (), out, version)


def tanh(x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """The hyperbolic tangent.

    Args:
        x: any shape; float32, bfloat16 or float16. Computed in float32.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.

    Source: fitted here: kernels/include/cpu/math.h.
    """
    return call(TANH, (x,), (), out, version)


def softplus(x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """log(1 + exp(x)), computed as max(x, 0) + log1p(exp(-|x|)), which overflows nowhere.

    Args:
        x: any shape; float32, bfloat16 or float16. Computed in float32.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.

    Source: Dugas et al. 2001.
    """
    return call(SOFTPLUS, (x,), (), out, version)


def elu(x: Any, *, alpha: float = 1.0, out: Any = None, version: str | None = None) -> Any:
    """x where x > 0, else alpha (exp(x) - 1).

    Args:
        x: any shape; float32, bfloat16 or float16. Computed in float32.
        alpha: what it tends to, negated, for x to -inf.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.

    Source: Clevert, Unterthiner and Hochreiter 2015.
    """
    return call(ELU, (x,), (alpha,), out, version)


def hardswish(x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """x min(max(x + 3, 0), 6) / 6, `silu` by straight lines.

    Args:
        x: any shape; float32, bfloat16 or float16. Computed in float32.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x. -inf gives NaN, as -inf · 0 does.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.

    Source: Howard et al. 2019.
    """
    return call(HARDSWISH, (x,), (), out, version)


def mish(x: Any, *, out: Any = None, version: str | None = None) -> Any:
    """x tanh(log(1 + exp(x))).

    Args:
        x: any shape; float32, bfloat16 or float16. Computed in float32.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x. -inf gives NaN, as -inf · 0 does.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.

    Source: Misra 2019.
    """
    return call(MISH, (x,), (), out, version)


def swiglu(gate: Any, up: Any, *, out: Any = None, version: str | None = None) -> Any:
    """silu(gate) · up, the gated unit of LLaMA's feed-forward layers, in one pass over both.

    Args:
        gate, up: any shape, the same; float32, bfloat16 or float16. Computed in float32.
        out: where the result goes, shape and dtype of gate; may be gate.
        version: a version by name.

    Returns:
        Shape and dtype of gate.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.

    Source: Shazeer 2020.
    """
    return call(SWIGLU, (gate, up), (), out, version)
