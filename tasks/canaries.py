"""Canaries: answers that no good task may accept, made from the right one. NumPy.

Not in charge of running a task (`check.py`). Each canary replaces one output and leaves the others right, so
a loose tolerance on one output cannot hide behind another.

A canary must fail on every case to which it applies, and must apply to at least one case of the task. It does
not apply to a case where what it makes *is* the right answer in every element (a constant where all elements
are equal, half precision of ones, anything where the output is empty): there is nothing to tell apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tasks.compare import Array, Expectation

# Bits of e4m3, of bfloat16, of float16 (and TF32), of float32.
MANTISSA_ONE_STEP_DOWN = {"bfloat16": 4, "float16": 8, "float32": 11, "float64": 24}
OFF_BY = 10.0  # times what is allowed


@dataclass(frozen=True)
class Scene:
    """One output of one case, as the canaries see it."""

    expectation: Expectation
    inputs: tuple[Array, ...]  # in call order
    previous: Array  # the right answer to other inputs of the same dims

    @property
    def oracle(self) -> Array:
        return self.expectation.oracle

    @property
    def right(self) -> Array:
        return self.oracle.astype(self.expectation.dtype)


@dataclass(frozen=True)
class Canary:
    name: str
    cure: str  # what to look at when it passes
    make: Callable[[Scene], Array]


def _zeros(scene: Scene) -> Array:
    return np.zeros_like(scene.oracle)


def _constant(scene: Scene) -> Array:
    return np.full_like(scene.oracle, scene.oracle.mean() if scene.oracle.size else 0.0)


def _first_input(scene: Scene) -> Array:
    return np.resize(scene.inputs[0], scene.oracle.shape)


def _negated(scene: Scene) -> Array:
    return -scene.oracle


def _one_step_down(scene: Scene) -> Array:
    """The right answer with the mantissa of the next shorter format; its exponent stays, to be fair."""
    mantissa, exponent = np.frexp(scene.oracle)
    unit = 2.0 ** MANTISSA_ONE_STEP_DOWN[scene.expectation.dtype.name]
    return np.ldexp(np.rint(mantissa * unit) / unit, exponent)


def _previous(scene: Scene) -> Array:
    return scene.previous


def _untouched(scene: Scene) -> Array:
    return np.full_like(scene.oracle, np.nan)


def _first_row(scene: Scene) -> Array:
    answer = scene.oracle.copy()
    answer[1:] = 0.0
    return answer


def _last(scene: Scene, value: float) -> Array:
    answer = scene.oracle.copy()
    if answer.size:
        answer.reshape(-1)[-1] = value
    return answer


def _one_nan(scene: Scene) -> Array:
    return _last(scene, np.nan)


def _one_infinity(scene: Scene) -> Array:
    return _last(scene, np.inf)


def _one_off(scene: Scene) -> Array:
    """The last element off by ten times what is allowed there."""
    if not scene.oracle.size:
        return scene.oracle
    last = float(scene.oracle.reshape(-1)[-1])
    tolerance = scene.expectation.tolerance
    allowed = tolerance.rtol * abs(last) + tolerance.atol * scene.expectation.scale
    return _last(scene, last + OFF_BY * allowed)


TIGHTEN = "tighten the tolerance, or make the inputs of the case harder in inputs.py"

CANARIES = (
    Canary("zeros", "the tolerance is as large as the output: lower atol", _zeros),
    Canary("constant", "the output hardly depends on the input: " + TIGHTEN, _constant),
    Canary("first input", "the operator is close to a copy here: " + TIGHTEN, _first_input),
    Canary("negated", "the sign does not count: " + TIGHTEN, _negated),
    Canary("half precision", "the next shorter format is good enough: " + TIGHTEN, _one_step_down),
    Canary(
        "stale", "two inputs of one case give one answer: draw all inputs from rng in inputs.py", _previous
    ),
    Canary("untouched", "an unwritten output (NaN) is accepted: the oracle must be finite", _untouched),
    Canary("first row only", "later rows do not count: " + TIGHTEN, _first_row),
    Canary("one NaN", "NaN is accepted: the oracle must be finite", _one_nan),
    Canary("one infinity", "infinity is accepted: the oracle must be finite", _one_infinity),
    Canary("one element off", "an error of ten allowances is accepted: the comparer is broken", _one_off),
)


def applicable(scene: Scene) -> Iterator[tuple[Canary, Array]]:
    """The canaries that apply to a scene, with their answers in the output's dtype."""
    right = scene.right
    for canary in CANARIES:
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            answer = np.asarray(canary.make(scene)).astype(scene.expectation.dtype)
        if not np.array_equal(answer, right, equal_nan=True):
            yield canary, answer
