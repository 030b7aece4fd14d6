"""What rotary embedding is tried with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from kernels.samples import Case, Sample, exactly, integers, normal, uniform

NONE = {"I": "i64"}  # what the positions would be, were there any


def _both(
    label: str,
    shape: tuple[int, ...],
    table: tuple[int, int],
    style: str,
    positions: Sample | None = None,
    offset: int = 0,
    **rest: Any,
) -> Iterator[Case]:
    """The same call of the operator and of its gradient."""
    shared: dict[str, Sample] = {"cos": uniform(-1, 1, *table), "sin": uniform(-1, 1, *table)}
    types: Mapping[str, str] = NONE if positions is None else {}
    if positions is not None:
        shared["positions"] = positions
    for op, given in (("rope", "x"), ("rope_grad", "dy")):
        arrays = {given: rest.get("x", normal(*shape)), **shared}
        yield Case(op, f"{label} {style}", arrays, {"offset": offset, "style": style}, types=types)


STYLES = ("half", "interleaved")
ODD = exactly(np.array([[[[0, np.inf, 1, -np.inf]], [[np.nan, 1, 2, 1e-40]]]]))
CASES = tuple(
    case
    for style in STYLES
    for case in (
        *_both("no tokens", (2, 0, 3, 8), (4, 4), style),
        *_both("no pairs", (1, 2, 2, 4), (4, 0), style),
        *_both("one pair", (1, 1, 2), (1, 1), style),
        *_both("d 8", (2, 5, 3, 8), (5, 4), style),
        *_both("d 34", (3, 2, 34), (9, 17), style, offset=6),
        *_both("d 80", (2, 3, 1, 80), (3, 40), style),
        *_both("d 128", (1, 2, 2, 128), (2, 64), style),
        *_both("partial", (2, 3, 2, 50), (3, 16), style),
        *_both("partial of eights", (2, 3, 2, 56), (3, 16), style),
        *_both("positions of eights", (2, 3, 2, 24), (40, 8), style, integers(0, 33, 2, 3), offset=7),
        *_both("positions", (2, 3, 2, 12), (40, 6), style, integers(0, 33, 2, 3), offset=7),
        *_both("odd values", (1, 2, 1, 4), (2, 2), style, x=ODD),
    )
)
BENCH = tuple(
    replace(case, dtypes=("f32_i64",))
    for style in STYLES
    for case in _both("1024x32x128", (1, 1024, 32, 128), (1024, 64), style)
)
