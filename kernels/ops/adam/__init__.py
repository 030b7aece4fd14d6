"""Adam and AdamW: one step of the optimiser in one pass over its arrays, all updated in place.

The numbers that change from step to step travel to the kernel in a small array, not as attributes: a plan of
a call is kept per attribute, and a new one each step would cost more than a small step does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.arrays import is_cupy
from kernels.call import call
from kernels.errors import BadArgument
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Schema, Work
from kernels.toolchain.grids import eights_of, thread_per
from kernels.toolchain.isa import SIMD

# What `rates` holds, in this order; `left1` and `left2` are 1 - beta^step.
RATES = ("lr", "beta1", "beta2", "eps", "weight_decay", "left1", "left2")


def _operator(name: str) -> Operator:
    return Operator(
        Schema(
            name,
            [
                Array("param", "n*", "f32", update=True),
                Array("m", "n*", "f32", update=True),
                Array("v", "n*", "f32", update=True),
                Array("grad", "n*"),
                Array("rates", str(len(RATES)), "f64"),
                Array("low", "n*", optional=True, update=True),
            ],
            [],
        ),
        Work(flops=lambda d: 15 * d["n"], bytes=lambda d: d["n"] * (24 + d["itemsize"])),
        __name__,
        [
            Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
            Cpu("v2_vector", "v2_vector.cpp", levels=SIMD),
            Cuda("v1_elements", "v1_elements.cu", thread_per("n"), registers=48),
            Cuda("v2_eights", "v2_eights.cu", eights_of("n"), registers=96),
        ],
    )


ADAM, ADAMW = _operator("adam"), _operator("adamw")
OPERATORS = (ADAM, ADAMW)


def adam(
    param: Any,
    grad: Any,
    m: Any,
    v: Any,
    *,
    step: int,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    low: Any = None,
    version: str | None = None,
) -> None:
    """One step of Adam, as `torch.optim.Adam` makes it; weight decay is added to the gradient.

    g = grad + weight_decay param; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g²;
    param -= lr / (1 - beta1^step) · m / (√v / √(1 - beta2^step) + eps).

    Args:
        param: any shape, float32; updated in place.
        grad: shape of param; float32, bfloat16 or float16.
        m, v: the moments, shape of param, float32, 0 before the first step; updated in place.
        step: 1 for the first.
        lr, beta1, beta2, eps, weight_decay: the optimiser's settings.
        low: the parameters in the dtype of grad, where training computes in 16 bits; each step they are
            written from param.
        version: a version by name.

    Raises:
        BadArgument, BadDtype: a shape, setting or dtype does not fit, or what is updated is not contiguous.

    Source: Kingma and Ba 2015.
    """
    rates = _rates("adam", step, lr, beta1, beta2, eps, weight_decay)
    call(ADAM, (param, m, v, grad, _beside(param, rates), low), (), None, version)


def adamw(
    param: Any,
    grad: Any,
    m: Any,
    v: Any,
    *,
    step: int,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    low: Any = None,
    version: str | None = None,
) -> None:
    """One step of AdamW, as `torch.optim.AdamW` makes it.

    That is `adam` without its decay, after param *= 1 - lr weight_decay.

    Args:
        param, grad, m, v, step, lr, beta1, beta2, eps, weight_decay, low, version: as in `adam`.

    Raises:
        BadArgument, BadDtype: as `adam`.

    Source: Loshchilov and Hutter 2019.
    """
    rates = _rates("adamw", step, lr, beta1, beta2, eps, weight_decay)
    call(ADAMW, (param, m, v, grad, _beside(param, rates), low), (), None, version)


def _rates(
    op: str, step: int, lr: float, beta1: float, beta2: float, eps: float, weight_decay: float
) -> np.ndarray[Any, Any]:
    if step < 1:
        raise BadArgument(f"{op}: step is {step}; the first is 1")
    if not (0 <= beta1 < 1 and 0 <= beta2 < 1):
        raise BadArgument(f"{op}: beta1 is {beta1}, beta2 is {beta2}; 0 or more and less than 1 is needed")
    if not (lr >= 0 and eps >= 0 and weight_decay >= 0):
        raise BadArgument(
            f"{op}: lr is {lr}, eps is {eps}, weight_decay is {weight_decay}; 0 or more is needed"
        )
    return np.array((lr, beta1, beta2, eps, weight_decay, 1 - beta1**step, 1 - beta2**step))


def _beside(param: Any, rates: Any) -> Any:
    """The numbers on the device that the parameters are on."""
    if is_cupy(param):
        import cupy

        return cupy.asarray(rates)
    return rates
