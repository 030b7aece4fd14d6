"""What Adam and AdamW are tried with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kernels.samples import Case, Sample, exactly, normal, uniform


def _rates(step: int, lr: float = 1e-2, eps: float = 1e-8, decay: float = 0.1) -> Sample:
    return exactly([lr, 0.9, 0.999, eps, decay, 1 - 0.9**step, 1 - 0.999**step])


def _both(label: str, *shape: int, step: int = 3, low: bool = False, decay: float = 0.1) -> Iterator[Case]:
    arrays = {
        "param": normal(*shape),
        "m": normal(*shape, scale=0.1),
        "v": uniform(0, 1, *shape),
        "grad": normal(*shape),
        "rates": _rates(step, decay=decay),
    }
    if low:
        arrays["low"] = normal(*shape)
    for op in ("adam", "adamw"):
        yield Case(op, label, arrays)


def _first(label: str, param: Sample, grad: Sample, zero: Sample) -> Iterator[Case]:
    """The first step, from moments of zero."""
    arrays = {"param": param, "m": zero, "v": zero, "grad": grad, "rates": _rates(1)}
    for op in ("adam", "adamw"):
        yield Case(op, label, arrays)


ODD = [0, -0.0, 1e-30, -1e-20, 1e-5, 12345, np.inf, -np.inf, np.nan]
CASES = (
    *_both("empty", 0),
    *_both("one", 1),
    *_both("several", 3, 37),
    *_both("no decay", 65, decay=0),
    *_both("late", 130, step=100_000),
    *_both("in 16 bits too", 5, 23, low=True),
    *_first("first step", normal(77), normal(77), exactly([0.0] * 77)),
    *_first("odd gradients", normal(9), exactly(ODD), exactly([0.0] * 9)),
    *_first("odd parameters", exactly(ODD), normal(9), exactly([0.0] * 9)),
)
MILLIONS = 4 * 1024 * 1024
BENCH = tuple(
    Case(
        op,
        "4M",
        {
            "param": normal(MILLIONS),
            "m": normal(MILLIONS, scale=0.1),
            "v": uniform(0, 1, MILLIONS),
            "grad": normal(MILLIONS),
            "rates": _rates(3, lr=1e-3),
        },
    )
    for op in ("adam", "adamw")
)
