"""What scans are tried with."""

from __future__ import annotations

import numpy as np

from kernels.samples import Case, Sample, exactly, integers, normal, uniform

INF, NAN = np.inf, np.nan
FLOATS = ("f32", "bf16", "f16")
NAMES = ("cumsum", "cumprod", "cummax")
SHAPES = (
    (0, 5),
    (5, 0),
    (3, 1),
    (2, 2),
    (2, 7),
    (2, 8),
    (3, 15),
    (2, 16),
    (3, 17),
    (2, 33),
    (2, 255),
    (300, 1),
)


def _sample(name: str, *shape: int) -> Sample:
    """A product of many normal values is 0 or infinite in 16 bits; these stay near 1."""
    return uniform(0.9, 1.1, *shape) if name == "cumprod" else normal(*shape)


CASES = (
    *(
        Case(
            name,
            f"{m}x{n}{' exclusive' * exclusive}",
            {"x": _sample(name, m, n)},
            {"exclusive": exclusive},
            dtypes=FLOATS,
        )
        for name in NAMES
        for m, n in SHAPES
        for exclusive in (False, True)
    ),
    *(
        Case(
            name,
            f"whole numbers{' exclusive' * exclusive}",
            {"x": integers(-(1 << 60), 1 << 60, 3, 101)},
            {"exclusive": exclusive},
            dtypes=("i64",),
        )
        for name in ("cumsum", "cummax")
        for exclusive in (False, True)
    ),
    *(
        Case(name, "long row", {"x": _sample(name, 1, 140_001)}, {"exclusive": False}, dtypes=("f32",))
        for name in NAMES
    ),
    Case(
        "cumsum", "long positive row", {"x": uniform(0, 1, 1, 70_001)}, {"exclusive": True}, dtypes=("f32",)
    ),
    Case("cumsum", "three axes", {"x": normal(2, 3, 40)}, {"exclusive": False}),
    Case("cumsum", "subnormals", {"x": exactly([[1e-40, 2e-41, -3e-40, 0]])}, {"exclusive": False}),
    *(
        Case(
            name,
            f"specials{' exclusive' * exclusive}",
            {
                "x": exactly(
                    [[1, NAN, 2, 3], [1, INF, -2, 4], [-INF, -1, 2, INF], [0, 1, INF, 2], [-1, -2, -0.5, -3]]
                )
            },
            {"exclusive": exclusive},
            dtypes=FLOATS,
        )
        for name in NAMES
        for exclusive in (False, True)
    ),
    *(
        Case(
            name,
            "NaN in a long row",
            {"x": exactly(np.where(np.arange(100) == 37, NAN, 1).reshape(1, 100))},
            {"exclusive": False},
            dtypes=FLOATS,
        )
        for name in NAMES
    ),
)
BENCH = (
    Case("cumsum", "4M", {"x": normal(1, 1 << 22)}, {"exclusive": False}),
    Case("cumsum", "4096x1024", {"x": normal(4096, 1024)}, {"exclusive": False}),
    Case(
        "cumsum",
        "4M whole numbers",
        {"x": integers(-100, 100, 1, 1 << 22)},
        {"exclusive": False},
        dtypes=("i64",),
    ),
    Case("cumprod", "4096x1024", {"x": uniform(0.97, 1.03, 4096, 1024)}, {"exclusive": False}),
    Case("cummax", "4096x1024", {"x": normal(4096, 1024)}, {"exclusive": False}),
)
