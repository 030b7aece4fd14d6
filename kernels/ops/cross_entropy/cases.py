"""What cross_entropy and its gradient are tried with."""

from __future__ import annotations

import numpy as np

from kernels.samples import Case, Sample, exactly, integers, normal

INF, NAN = np.inf, np.nan
SHAPES = [(0, 5), (1, 1), (3, 15), (4, 16), (7, 17), (3, 131), (3, 1023), (2, 2048), (2, 2049), (1, 9001)]
IGNORE = {"ignore_index": -100}
SPECIALS = exactly(
    [
        [0, -INF, 1, 2],
        [-INF, -INF, -INF, -INF],
        [INF, 0, 1, 2],
        [NAN, 0, 1, 2],
        [NAN, INF, 1, 2],
        [1e-40, 0, -1e-40, 0],
        [-2, -2, -2, -2],
        [0, -INF, 1, 2],
    ]
)


def both(
    label: str,
    logits: Sample,
    targets: Sample,
    dloss: Sample | None = None,
    ignore_index: int = -100,
    dtypes: tuple[str, ...] | None = None,
) -> list[Case]:
    """A case of the loss, and of the gradient together with the loss."""
    arrays = {"logits": logits, "targets": targets}
    upstream = arrays if dloss is None else {**arrays, "dloss": dloss}
    ignored = {"ignore_index": ignore_index}
    return [
        Case("cross_entropy", label, arrays, ignored, dtypes=dtypes),
        Case("cross_entropy_grad", label, upstream, ignored, dtypes=dtypes),
    ]


def shaped(rows: int, n: int) -> list[Case]:
    """Random logits and labels."""
    return both(f"{rows}x{n}", normal(rows, n, scale=3), integers(0, n, rows), normal(rows))


CASES = (
    *(case for shape in SHAPES for case in shaped(*shape)),
    *both("first, last, ignored", normal(5, 40), exactly([0, 39, -100, 15, 16]), normal(5)),
    *both("nothing kept", normal(2, 40), exactly([-100, -100]), normal(2)),
    *both("a label ignored", normal(3, 40), exactly([7, 8, 9]), ignore_index=8),
    *both("two axes of rows", normal(2, 3, 40), integers(0, 40, 2, 3), normal(2, 3)),
    *both("huge values", normal(4, 50, scale=1e4), integers(0, 50, 4), dtypes=("f32_i64", "bf16_i32")),
    *both("a block of -inf", exactly([[-INF] * 2100 + [1.0] * 2100]), exactly([4000])),
    *both("specials", SPECIALS, exactly([0, 0, 1, 1, -100, 0, 3, 1])),
    Case(
        "cross_entropy_grad",
        "gradient alone",
        {"logits": normal(3, 37), "targets": integers(0, 37, 3)},
        IGNORE,
        want=(True, False),
    ),
)
LARGE = {"logits": normal(512, 50257), "targets": integers(0, 50257, 512)}
BENCH = (
    Case("cross_entropy", "512x50257", LARGE, IGNORE),
    Case("cross_entropy_grad", "512x50257", LARGE, IGNORE, want=(True, False)),
)
