"""Optimisers whose memory is in 8 bits: codes of a dynamic map, and one scale per block of 256 elements.

A step decodes a block with its old scale, updates it in float32, moves the parameters by what was not yet
rounded, and encodes the block with its new scale. Tensors under 4,096 elements are better kept in float32
(`kernels.adamw`).
"""

from __future__ import annotations

from typing import Any

from kernels.arrays import as_array, is_cupy
from kernels.call import call
from kernels.errors import BadArgument
from kernels.ops.blockwise import blocks_needed
from kernels.quant.codes import DYNAMIC_SIGNED, DYNAMIC_UNSIGNED, beside
from kernels.quant.plans import few_blocks
from kernels.quant.state import Moments
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Schema, Work
from kernels.toolchain.isa import SIMD

BLOCK = 256
VERSIONS = [
    Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
    Cpu("v2_blocks", "v2_blocks.cpp", levels=SIMD),
    Cuda("v1_blocks", "v1_blocks.cu", few_blocks, registers=80),
]
# Numbers that change from step to step are an array, so that a call is planned once.
RATES = ("step", "lr", "beta1", "beta2", "eps", "weight_decay", "gnorm_scale", "beta3", "alpha")


def _state(number: str) -> list[Array]:
    return [
        Array(f"codes{number}", "n*", "u8", update=True),
        Array(f"absmax{number}", "blocks", "f32", update=True),
    ]


def _values(number: str) -> Array:
    return Array(f"values{number}", "256", "f32")


def _operator(name: str, state: list[Array], kept: int) -> Operator:
    """An optimiser with these state arrays, of `kept` averages."""
    return Operator(
        Schema(
            name,
            [
                Array("p", "n*", update=True),
                Array("g", "n*"),
                *state,
                Array("rates", str(len(RATES)), "f64"),
            ],
            [],
            derive=lambda dims: blocks_needed(name, {**dims, "blocksize": BLOCK}, (BLOCK,), dims["n"]),
        ),
        Work(flops=lambda d: 12 * d["n"], bytes=lambda d: d["n"] * (3 * d["itemsize"] + 2 * kept)),
        __name__,
        VERSIONS,
    )


ADAMW = _operator("adamw_8bit", [*_state("1"), _values("1"), *_state("2"), _values("2")], 2)
ADEMAMIX = _operator(
    "ademamix_8bit", [*_state("1"), *_state("3"), _values("1"), *_state("2"), _values("2")], 3
)
MOMENTUM = _operator("momentum_8bit", [*_state("1"), _values("1")], 1)
LION = _operator("lion_8bit", [*_state("1"), _values("1")], 1)
RMSPROP = _operator("rmsprop_8bit", [*_state("1"), _values("1")], 1)
ADAGRAD = _operator("adagrad_8bit", [*_state("1"), _values("1")], 1)
OPERATORS = (ADAMW, ADEMAMIX, MOMENTUM, LION, RMSPROP, ADAGRAD)


def moments_8bit(p: Any, states: int = 1) -> Moments:
    """The memory of an optimiser that has made no step yet, all zeros.

    Args:
        p: what it is to update; only its shape and device count.
        states: averages to keep: 1 for momentum, Lion, RMSProp and Adagrad, 2 for AdamW, 3 for AdEMAMix, of
            which the two of the gradient share an array.

    Returns:
        Codes in the shape of p (uint8), scales per block (float32), and the number of steps made.

    Raises:
        BadArgument: another number of states.
    """
    p = as_array("moments_8bit", "p", p)
    if states not in (1, 2, 3):
        raise BadArgument(f"moments_8bit: states is {states!r}; allowed: 1, 2, 3")
    made = _module(p)
    pair, blocks = (2,) if states == 3 else (), -(-p.size // BLOCK)
    found = Moments(
        made.zeros((*pair, *p.shape), "uint8"),
        made.zeros((*pair, blocks), "float32"),
        beside(DYNAMIC_SIGNED, p),
    )
    # The code of zero: scales of zero would decode any code to it, but a code is what files show.
    found.codes1[...] = 127
    if states > 1:
        found.codes2, found.absmax2 = made.zeros(p.shape, "uint8"), made.zeros(blocks, "float32")
        found.values2 = beside(DYNAMIC_UNSIGNED, p)
    return found


def _module(array: Any) -> Any:
    if is_cupy(array):
        import cupy

        return cupy
    import numpy

    return numpy


def _both(op: str, state: Moments) -> tuple[Any, ...]:
    if state.codes2 is None:
        raise BadArgument(f"{op}: the state holds one average; {op} keeps more")
    return state.codes2, state.absmax2, state.values2


def _step(
    operator: Operator,
    p: Any,
    g: Any,
    state: Moments,
    arrays: tuple[Any, ...],
    rates: tuple[float, ...],
    version: str | None,
) -> None:
    """Make a step and count it."""
    p = as_array(operator.name, "p", p)
    numbers = _module(p).asarray([state.step + 1, *rates, *[0.0] * (len(RATES) - 1 - len(rates))], "float64")
    call(operator, (p, g, *arrays, numbers), (), None, version)
    state.step += 1


def adamw_8bit(
    p: Any,
    g: Any,
    state: Moments,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    gnorm_scale: float = 1.0,
    version: str | None = None,
) -> None:
    """A step of AdamW on p and its state, in place. With `weight_decay=0` it is Adam.

    p *= 1 - lr·decay, before the update as in torch; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g²;
    p -= lr·sqrt(1-b2^t)/(1-b1^t) · m / (sqrt(v) + eps·sqrt(1-b2^t)). Where the gradient is not finite, m and
    v become 0 and p stays.

    Args:
        p: any shape, contiguous; float32, bfloat16 or float16.
        g: its gradient, of the same shape and dtype.
        state: from `moments_8bit(p, 2)`; its step is counted up.
        lr, beta1, beta2, eps, weight_decay: the settings; b1, b2 and decay in the formula.
        gnorm_scale: a factor of the gradient.
        version: a version by name.

    Raises:
        BadArgument, BadDtype: a shape or a dtype does not fit, or p cannot be written to in place.

    Source: Loshchilov and Hutter 2019; Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization".
    """
    state_arrays = (state.codes1, state.absmax1, state.values1, *_both("adamw_8bit", state))
    _step(ADAMW, p, g, state, state_arrays, (lr, beta1, beta2, eps, weight_decay, gnorm_scale), version)


def ademamix_8bit(
    p: Any,
    g: Any,
    state: Moments,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    beta3: float = 0.9999,
    alpha: float = 5.0,
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    gnorm_scale: float = 1.0,
    version: str | None = None,
) -> None:
    """A step of AdEMAMix on p and its state, in place: Adam with a second, slower average of the gradient.

    p *= 1 - lr·decay; m1 and m2 are averages of g with b1 and b3, v of g² with b2;
    p -= lr · (m1/(1-b1^t) + alpha·m2) / (sqrt(v)/sqrt(1-b2^t) + eps). Whoever warms beta3 and alpha up
    passes what they are at this step.

    Args:
        p, g: as in `adamw_8bit`.
        state: from `moments_8bit(p, 3)`; its step is counted up.
        lr, beta1, beta2, beta3, alpha, eps, weight_decay, gnorm_scale, version: the settings at this step.

    Raises:
        BadArgument, BadDtype: a shape or a dtype does not fit, or p cannot be written to in place.

    Source: Pagliardini et al. 2024, "The AdEMAMix Optimizer".
    """
    second = _both("ademamix_8bit", state)
    p = as_array("ademamix_8bit", "p", p)
    if state.codes1.shape != (2, *p.shape):
        raise BadArgument(f"ademamix_8bit: codes1 has shape {state.codes1.shape}; needed: {(2, *p.shape)}")
    (fast, slow), (scale, slow_scale) = state.codes1, state.absmax1
    state_arrays = (fast, scale, slow, slow_scale, state.values1, *second)
    rates = (lr, beta1, beta2, eps, weight_decay, gnorm_scale, beta3, alpha)
    _step(ADEMAMIX, p, g, state, state_arrays, rates, version)


def _one(state: Moments) -> tuple[Any, ...]:
    return state.codes1, state.absmax1, state.values1


def momentum_8bit(
    p: Any,
    g: Any,
    state: Moments,
    *,
    lr: float = 1e-3,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    gnorm_scale: float = 1.0,
    version: str | None = None,
) -> None:
    """A step with momentum, in place: g += decay·p; m = momentum·m + g (g at first); p -= lr·m.

    Args:
        p, g, version: as in `adamw_8bit`.
        state: from `moments_8bit(p)`; its step is counted up.
        lr, momentum, weight_decay, gnorm_scale: the settings in the formula.

    Raises:
        BadArgument, BadDtype: as there.
    """
    _step(MOMENTUM, p, g, state, _one(state), (lr, momentum, 0.0, 0.0, weight_decay, gnorm_scale), version)


def lion_8bit(
    p: Any,
    g: Any,
    state: Moments,
    *,
    lr: float = 1e-4,
    beta1: float = 0.9,
    beta2: float = 0.99,
    weight_decay: float = 0.0,
    gnorm_scale: float = 1.0,
    version: str | None = None,
) -> None:
    """A step of Lion, in place: p *= 1 - lr·decay; p -= lr·sign(b1 m + (1-b1) g); m = b2 m + (1-b2) g.

    Args:
        p, g, version: as in `adamw_8bit`.
        state: from `moments_8bit(p)`; its step is counted up.
        lr, beta1, beta2, weight_decay, gnorm_scale: the settings in the formula.

    Raises:
        BadArgument, BadDtype: as there.

    Source: Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms".
    """
    _step(LION, p, g, state, _one(state), (lr, beta1, beta2, 0.0, weight_decay, gnorm_scale), version)


def rmsprop_8bit(
    p: Any,
    g: Any,
    state: Moments,
    *,
    lr: float = 1e-2,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    gnorm_scale: float = 1.0,
    version: str | None = None,
) -> None:
    """A step of RMSProp, in place: g += decay·p; s = alpha·s + (1-alpha) g²; p -= lr·g / (sqrt(s) + eps).

    The gradient is scaled and decayed in both places. Codes are signed although s is not, as files have it.

    Args:
        p, g, version: as in `adamw_8bit`.
        state: from `moments_8bit(p)`; its step is counted up.
        lr, alpha, eps, weight_decay, gnorm_scale: the settings in the formula.

    Raises:
        BadArgument, BadDtype: as there.
    """
    _step(RMSPROP, p, g, state, _one(state), (lr, alpha, 0.0, eps, weight_decay, gnorm_scale), version)


def adagrad_8bit(
    p: Any,
    g: Any,
    state: Moments,
    *,
    lr: float = 1e-2,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
    gnorm_scale: float = 1.0,
    version: str | None = None,
) -> None:
    """A step of Adagrad, in place: g += decay·p; s += g²; p -= lr·g / (sqrt(s) + eps).

    Args:
        p, g, version: as in `adamw_8bit`.
        state: from `moments_8bit(p)`; its step is counted up.
        lr, eps, weight_decay, gnorm_scale: the settings in the formula.

    Raises:
        BadArgument, BadDtype: as there.

    Source: Duchi et al. 2011, "Adaptive Subgradient Methods".
    """
    _step(ADAGRAD, p, g, state, _one(state), (lr, 0.0, 0.0, eps, weight_decay, gnorm_scale), version)
