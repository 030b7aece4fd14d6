"""What counting is tried with."""

from __future__ import annotations

import numpy as np

from kernels.samples import Case, exactly, integers, normal, uniform

INF, NAN = np.inf, np.nan


def _edges(rng: np.random.Generator) -> np.ndarray:
    """The edges of ten bins from -3 to 3 and their neighbours in float32 on both sides."""
    edges = np.linspace(-3, 3, 11).astype(np.float32)
    return np.concatenate([edges, np.nextafter(edges, np.float32(9)), np.nextafter(edges, np.float32(-9))])


UNIT = {"low": 0.0, "high": 1.0}
CASES = (
    *(
        Case("histogram", f"{n} in {bins}", {"x": uniform(-0.1, 1.1, n)}, {"bins": bins, **UNIT})
        for n in (0, 1, 15, 16, 17, 63, 64, 65, 1023)
        for bins in (1, 7, 256)
    ),
    Case("histogram", "many bins", {"x": uniform(0, 1, 3000)}, {"bins": 100_003, **UNIT}),
    Case("histogram", "two axes", {"x": normal(30, 41)}, {"bins": 10, "low": -3.0, "high": 3.0}),
    Case("histogram", "edges", {"x": _edges}, {"bins": 10, "low": -3.0, "high": 3.0}),
    Case("histogram", "far from 0", {"x": uniform(0, 1, 4001)}, {"bins": 64, "low": 0.7, "high": 0.7001}),
    Case(
        "histogram",
        "narrow and far",
        {"x": normal(999, offset=1e4)},
        {"bins": 50, "low": 9999.0, "high": 10001.0},
    ),
    Case("histogram", "wide", {"x": normal(999, scale=1e4)}, {"bins": 50, "low": -1e30, "high": 1e30}),
    Case(
        "histogram",
        "specials",
        {"x": exactly([NAN, INF, -INF, 0.0, -0.0, 1.0, 1e-40, -1e-40, 0.5])},
        {"bins": 4, **UNIT},
    ),
    Case("histogram", "all alike", {"x": exactly(np.full(1000, 0.3))}, {"bins": 256, **UNIT}),
    Case("histogram", "long", {"x": uniform(0, 1, 200_001)}, {"bins": 256, **UNIT}, dtypes=("f32",)),
    *(
        Case("bincount", f"{n} of {bins}", {"x": integers(0, min(bins, 256), n)}, {"bins": bins})
        for n in (0, 1, 7, 8, 31, 65, 1023)
        for bins in (1, 10, 256, 5000)
    ),
    Case(
        "bincount", "many values", {"x": integers(0, 1 << 17, 3000)}, {"bins": 1 << 17}, dtypes=("i32", "i64")
    ),
    Case("bincount", "all alike", {"x": exactly(np.full(1000, 7))}, {"bins": 256}),
    Case("bincount", "long", {"x": integers(0, 256, 300_001)}, {"bins": 256}, dtypes=("u8",)),
)
BENCH = (
    Case("histogram", "4M in 256", {"x": uniform(0, 1, 1 << 22)}, {"bins": 256, **UNIT}),
    Case("bincount", "4M bytes", {"x": integers(0, 256, 1 << 22)}, {"bins": 256}, dtypes=("u8",)),
    Case("bincount", "4M int32 of 1000", {"x": integers(0, 1000, 1 << 22)}, {"bins": 1000}, dtypes=("i32",)),
)
