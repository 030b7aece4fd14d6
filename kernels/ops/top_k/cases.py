"""What top_k and argmax are tried with."""

from __future__ import annotations

import numpy as np

from kernels.samples import Case, Sample, exactly, integers, normal

INF, NAN = np.inf, np.nan
SHORT = [(0, 5, 2), (5, 3, 0), (1, 1, 1), (3, 15, 4), (4, 16, 16), (7, 17, 3), (2, 256, 5), (2, 257, 5)]
LONGER = [(3, 1023, 1), (2, 5000, 50), (2, 5000, 700), (1, 20_011, 8), (1, 20_011, 300), (1, 3000, 3000)]
SPECIALS = exactly(
    [
        [0, -INF, 1, 2, 0, -0.0],
        [-INF, -INF, -INF, -INF, -INF, -INF],
        [INF, 0, 1, 2, INF, -INF],
        [0, 3, NAN, 1, INF, NAN],
        [-0.0, 0, -0.0, 0, -1, 1e-40],
        [NAN, NAN, NAN, NAN, NAN, NAN],
        [1e-40, 2e-40, -1e-40, 0, 0, 1e-40],
    ]
)


def spread(n: int, places: list[int], value: float, rest: float = -1.0) -> Sample:
    """One row of `rest` with a value at some places."""
    row = np.full((1, n), rest)
    row[0, places] = value
    return exactly(row)


ROWS: list[tuple[str, Sample, int]] = [
    *((f"{m}x{n} k {k}", normal(m, n), k) for m, n, k in SHORT + LONGER),
    ("many equal", integers(0, 3, 3, 3000), 20),
    ("all equal", exactly(np.full((2, 3000), -2.5)), 20),
    ("rising", exactly(np.arange(2000.0)[None]), 20),
    ("falling", exactly(-np.arange(2000.0)[None]), 20),
    ("at the edges of tiles", spread(3000, [0, 15, 16, 255, 256, 2815, 2816, 2999], 1.0), 8),
    ("more NaNs than wanted", spread(3000, list(range(7, 3000, 5)), NAN), 20),
    ("fewer NaNs than wanted", spread(3000, [2999, 3, 700], NAN), 20),
    ("-inf but for few", spread(3000, [2999, 3, 700], 1.0, -INF), 20),
    ("three axes", normal(2, 3, 40), 5),
    ("specials", SPECIALS, 4),
]
CASES = (
    *(Case("top_k", label, {"x": x}, {"k": k}) for label, x, k in ROWS),
    *(Case("argmax", label, {"x": x}) for label, x, _ in ROWS),
)
BENCH = (
    Case("top_k", "512x50257 k 50", {"x": normal(512, 50257)}, {"k": 50}),
    Case("argmax", "512x50257", {"x": normal(512, 50257)}),
)
