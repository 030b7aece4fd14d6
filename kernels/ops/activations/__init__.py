"""Activation functions, element by element, and their gradients.

The gated unit `swiglu` is among them: it takes two arrays. Gradients compute from the argument again, so that
only that need be kept; `sigmoid` and `tanh`, whose derivative is cheaper from the result, from the result.
"""

from __future__ import annotations

from kernels.ops.activations import forward, gradients
from kernels.ops.activations.forward import (
    elu,
    gelu,
    gelu_tanh,
    hardswish,
    leaky_relu,
    mish,
    relu,
    sigmoid,
    silu,
    softplus,
    swiglu,
    tanh,
)
from kernels.ops.activations.gradients import (
    elu_grad,
    gelu_grad,
    gelu_tanh_grad,
    hardswish_grad,
    leaky_relu_grad,
    mish_grad,
    relu_grad,
    sigmoid_grad,
    silu_grad,
    softplus_grad,
    swiglu_grad,
    tanh_grad,
)

__all__ = [
    "OPERATORS",
    "elu",
    "elu_grad",
    "gelu",
    "gelu_grad",
    "gelu_tanh",
    "gelu_tanh_grad",
    "hardswish",
    "hardswish_grad",
    "leaky_relu",
    "leaky_relu_grad",
    "mish",
    "mish_grad",
    "relu",
    "relu_grad",
    "sigmoid",
    "sigmoid_grad",
    "silu",
    "silu_grad",
    "softplus",
    "softplus_grad",
    "swiglu",
    "swiglu_grad",
    "tanh",
    "tanh_grad",
]

OPERATORS = (
    forward.RELU,
    forward.LEAKY_RELU,
    forward.GELU,
    forward.GELU_TANH,
    forward.SILU,
    forward.SIGMOID,
    forward.TANH,
    forward.SOFTPLUS,
    forward.ELU,
    forward.HARDSWISH,
    forward.MISH,
    forward.SWIGLU,
    gradients.RELU_GRAD,
    gradients.LEAKY_RELU_GRAD,
    gradients.GELU_GRAD,
    gradients.GELU_TANH_GRAD,
    gradients.SILU_GRAD,
    gradients.SIGMOID_GRAD,
    gradients.TANH_GRAD,
    gradients.SOFTPLUS_GRAD,
    gradients.ELU_GRAD,
    gradients.HARDSWISH_GRAD,
    gradients.MISH_GRAD,
    gradients.SWIGLU_GRAD,
)
