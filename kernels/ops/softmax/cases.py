"""What softmax, log-softmax and their gradients are tried with."""

from __future__ import annotations

import numpy as np

from kernels.samples import Case, Sample, exactly, normal, uniform

INF, NAN = np.inf, np.nan
# Around the widths of vectors (4, 8, 16), of four vectors at once, and of a block in the nearest cache.
SHAPES = [(0, 5), (5, 0), (1, 1), (3, 15), (4, 16), (7, 17), (2, 33), (2, 64), (3, 131), (3, 1023), (2, 2049)]
LONG = [4096, 4097, 70_001]  # a row that waits in the cache, and ones that do not fit there
SPECIALS = exactly(
    [
        [0, -INF, 1],
        [-INF, -INF, -INF],
        [INF, 0, 1],
        [NAN, 0, 1],
        [NAN, -INF, -INF],
        [1e-40, 0, -1e-40],
        [-2, -2, -2],
        [88, 0, -88],
    ]
)


def one_hot(rows: int, n: int, *places: int, value: float = 50.0) -> Sample:
    """Rows of 0 with one large value each, at the places given."""

    def draw(rng: np.random.Generator) -> np.ndarray:
        found = np.zeros((rows, n))
        found[np.arange(rows), places] = value
        return found

    return draw


def late_infinity(n: int) -> Sample:
    """A row whose first half is -inf: its first blocks have no largest element."""
    return exactly(np.concatenate([np.full(n, -INF), np.linspace(-3, 3, n)])[None])


FORWARD = (
    *((f"{m}x{n}", normal(m, n), None) for m, n in SHAPES),
    *((f"1x{n}", normal(1, n), None) for n in LONG),
    ("huge values", normal(4, 50, scale=1e4), ("f32", "bf16")),
    ("huge values, long", normal(1, 5000, scale=1e4), ("f32", "bf16")),
    ("far from 0", normal(3, 40, offset=-1e4), ("f32",)),
    ("one stands out", one_hot(5, 65, 0, 15, 16, 63, 64), None),
    ("a block of -inf", late_infinity(2100), None),
    ("three axes", normal(2, 3, 40), None),
    ("specials", SPECIALS, None),
)
BACKWARD = [(0, 5), (5, 0), (1, 1), (3, 15), (7, 17), (2, 64), (3, 131), (3, 1023), (2, 3, 40)]

CASES = (
    *(
        Case(op, label, {"x": sample}, dtypes=dtypes)
        for op in ("softmax", "log_softmax")
        for label, sample, dtypes in FORWARD
    ),
    *(
        Case(op, "x".join(map(str, shape)), {"dy": normal(*shape), "y": uniform(low, high, *shape)})
        for op, low, high in (("softmax_grad", 0, 0.1), ("log_softmax_grad", -9, -1))
        for shape in BACKWARD
    ),
)
BENCH = (
    Case("softmax", "4096x1024", {"x": normal(4096, 1024)}),
    Case("log_softmax", "4096x1024", {"x": normal(4096, 1024)}),
    Case("softmax_grad", "4096x1024", {"dy": normal(4096, 1024), "y": uniform(0, 2 / 1024, 4096, 1024)}),
    Case("log_softmax_grad", "4096x1024", {"dy": normal(4096, 1024), "y": uniform(-9, -5, 4096, 1024)}),
)
