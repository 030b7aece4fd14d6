"""What the activations are tried with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kernels.samples import Case, Sample, exactly, normal, uniform

INF, NAN = np.inf, np.nan
# Name, whether the gradient takes the result, attributes.
FUNCTIONS: tuple[tuple[str, bool, dict[str, Any]], ...] = (
    ("relu", False, {}),
    ("leaky_relu", False, {"slope": 0.125}),
    ("gelu", False, {}),
    ("gelu_tanh", False, {}),
    ("silu", False, {}),
    ("sigmoid", True, {}),
    ("tanh", True, {}),
    ("softplus", False, {}),
    ("elu", False, {"alpha": 1.5}),
    ("hardswish", False, {}),
    ("mish", False, {}),
)
# Where formulas break: the ends of the range, both sides of where exp leaves it, zeros of both signs, kinks.
ODD = [0, -0.0, INF, -INF, NAN, 1, -1, 3, -3, 6, -6, 20, -20, 88.5, -88.5, 90, -90, 104, -104, 1000, -1000]
HUGE = [1e30, -1e30, 3e38, -3e38, INF, -INF]
TINY = [1e-40, -1e-40, 1e-45, -1e-45, 2e-38, -2e-38, 0, 1e-41]


def _all(label: str, x: Sample, dy: Sample, y: Sample | None = None) -> Iterator[Case]:
    """Every function of x, and its gradient; of y instead, where that takes the result."""
    for name, of_result, attributes in FUNCTIONS:
        yield Case(name, label, {"x": x}, attributes)
        of = {"y": y or x} if of_result else {"x": x}
        yield Case(f"{name}_grad", label, {"dy": dy, **of}, attributes)


def _gated(label: str, gate: Sample, up: Sample, dy: Sample) -> list[Case]:
    return [
        Case("swiglu", label, {"gate": gate, "up": up}),
        Case("swiglu_grad", label, {"dy": dy, "gate": gate, "up": up}),
    ]


STEPS = exactly(np.linspace(-2, 2, len(ODD)))
CASES = (
    *_all("empty", normal(0, 3), normal(0, 3)),
    *_all("one", normal(1), normal(1)),
    *_all("normal", normal(3, 37, scale=2), normal(3, 37), uniform(-1, 1, 3, 37)),
    *_all("wide", uniform(-12, 12, 515), normal(515), uniform(-1, 1, 515)),
    *_all("odd values", exactly(ODD), STEPS, exactly([0, -0.0, 1, -1, NAN, *[0.5] * (len(ODD) - 5)])),
    *(
        Case(name, "huge values", {"x": exactly(HUGE)}, attributes, dtypes=("f32",))
        for name, _, attributes in FUNCTIONS
    ),
    *_all("subnormal", exactly(TINY), exactly([1.0] * len(TINY))),
    *_gated("empty", normal(0), normal(0), normal(0)),
    *_gated("no axes", exactly(0.75), exactly(-0.5), exactly(1.25)),
    *_gated("normal", normal(5, 103, scale=3), normal(5, 103), normal(5, 103)),
    *_gated("odd values", exactly(ODD), STEPS, exactly([1.0] * len(ODD))),
)
MILLIONS = normal(4096, 1024)
BENCH = (
    *_all("4M", MILLIONS, MILLIONS, uniform(-1, 1, 4096, 1024)),
    *_gated("4M", MILLIONS, MILLIONS, MILLIONS),
)
