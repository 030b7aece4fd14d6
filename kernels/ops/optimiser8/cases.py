"""What 8-bit optimisers are tried with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kernels.ops.optimiser8 import RATES
from kernels.quant.codes import DYNAMIC_SIGNED, DYNAMIC_UNSIGNED
from kernels.samples import Case, exactly, integers, normal, uniform

ABOUT = {
    "step": 3,
    "lr": 0.01,
    "beta1": 0.9,
    "beta2": 0.99,
    "eps": 1e-8,
    "weight_decay": 0.1,
    "gnorm_scale": 0.5,
    "beta3": 0.9999,
    "alpha": 5.0,
}
ROUNDING = {"float32": 2e-7, "bfloat16": 4e-3, "float16": 5e-4}


def agree(inputs: Sequence[Any], got: Sequence[Any], truth: Sequence[Any]) -> None:
    """Floats to their dtype's rounding, codes but for the few that lie on a threshold."""
    for found, wanted in zip(got, truth, strict=True):
        if found.dtype == np.uint8:
            apart = np.abs(found.astype(int) - wanted.astype(int))
            _require(apart.max(initial=0) <= 1 and apart.sum() <= 1 + found.size // 500, "codes differ")
            continue
        _require(np.array_equal(np.isfinite(found), np.isfinite(wanted)), "what is finite differs")
        rounding = ROUNDING[str(found.dtype)]
        finite = np.isfinite(wanted)
        error = np.abs(found.astype(np.float64) - wanted)[finite]
        size = np.abs(wanted)[finite]
        allowed = rounding * (2 * size + 3 * size.max(initial=0))
        _require(bool((error <= allowed).all()), f"off by {error.max(initial=0):.3g}")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(what)


def _case(op: str, n: int, label: str = "", g: Any = None, **about: Any) -> Case:
    blocks = -(-n // 256)
    one_state = op not in ("adamw_8bit", "ademamix_8bit")
    low = 127 if op in ("rmsprop_8bit", "adagrad_8bit") else 0  # squares are not negative
    arrays = {
        "p": normal(n),
        "g": g or normal(n, scale=0.1),
        "codes1": integers(low, 256, n),
        "absmax1": uniform(0.01, 0.1, blocks),
        "values1": exactly(DYNAMIC_SIGNED),
    }
    if not one_state:
        arrays |= {"codes2": integers(0, 256, n), "absmax2": uniform(0.01, 0.1, blocks)}
        arrays["values2"] = exactly(DYNAMIC_UNSIGNED)
    if op == "ademamix_8bit":
        arrays |= {"codes3": integers(0, 256, n), "absmax3": uniform(0.01, 0.1, blocks)}
    arrays["rates"] = exactly([{**ABOUT, **about}[each] for each in RATES])
    return Case(op, f"{n}{label}", arrays, agree=agree)


def _with_bad_gradients(rng: Any) -> Any:
    g = rng.standard_normal(300)
    g[[0, 17, 299]] = np.nan, np.inf, -np.inf
    return g


NAMES = ("adamw_8bit", "ademamix_8bit", "momentum_8bit", "lion_8bit", "rmsprop_8bit", "adagrad_8bit")
CASES = (
    *(_case(op, n) for op in NAMES for n in (0, 1, 255, 257, 1000)),
    *(_case(op, 300, ", first step", step=1) for op in NAMES),
    *(_case(op, 256, ", no gradient", g=exactly(np.zeros(256))) for op in NAMES),
    _case("adamw_8bit", 300, ", gradients that are not finite", g=_with_bad_gradients),
)
BENCH = tuple(_case(op, 4_194_304) for op in NAMES)
