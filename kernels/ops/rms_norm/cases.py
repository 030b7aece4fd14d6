"""What rms_norm and its gradient are tried with."""

from __future__ import annotations

import numpy as np

from kernels.samples import Case, Sample, exactly, normal

INF, NAN = np.inf, np.nan
SHAPES = [(0, 5), (5, 0), (1, 1), (130, 2), (3, 15), (4, 16), (7, 17), (2, 33), (3, 64), (3, 131), (5, 1023)]
EPS = {"eps": 1e-5}
SPECIALS = exactly([[NAN, 0, 1, 2], [INF, 0, 1, 2], [3, 3, 3, 3], [0, 0, 0, 0], [1e-40, 0, -1e-40, 0]])


def forward(
    label: str,
    x: Sample,
    n: int,
    weighted: bool = True,
    want: tuple[bool, ...] | None = None,
    dtypes: tuple[str, ...] | None = None,
) -> Case:
    """A case of rms_norm, with a weight or without."""
    arrays = {"x": x, **({"weight": normal(n, offset=1)} if weighted else {})}
    return Case("rms_norm", label, arrays, EPS, want, dtypes=dtypes)


def backward(
    label: str,
    shape: tuple[int, ...],
    weighted: bool = True,
    offset: float = 0,
    want: tuple[bool, ...] | None = None,
    dtypes: tuple[str, ...] | None = None,
) -> Case:
    """A case of rms_norm_grad."""
    weight = {"weight": normal(shape[-1], offset=1)} if weighted else {}
    arrays = {"dy": normal(*shape), "x": normal(*shape, offset=offset), **weight}
    return Case("rms_norm_grad", label, arrays, EPS, want, dtypes=dtypes)


CASES = (
    *(forward(f"{m}x{n}", normal(m, n), n) for m, n in SHAPES),
    forward("no weight", normal(3, 37), 37, weighted=False),
    forward("y alone", normal(3, 37), 37, want=(True, False)),
    forward("three axes", normal(2, 3, 40), 40),
    forward("long row", normal(1, 30_011, offset=2), 30_011, dtypes=("f32",)),
    forward("far from 0", normal(4, 1000, offset=1e4), 1000, dtypes=("f32",)),
    forward("specials", SPECIALS, 4),
    *(backward(f"{m}x{n}", (m, n)) for m, n in SHAPES),
    backward("no weight", (3, 37), weighted=False),
    backward("dx alone", (3, 37), want=(True, False)),
    backward("three axes", (2, 3, 40)),
    backward("many rows", (700, 9)),
    backward("far from 0", (4, 1000), offset=1e4, dtypes=("f32",)),
)
BENCH = (
    forward("4096x1024", normal(4096, 1024), 1024, want=(True, False)),
    backward("4096x1024", (4096, 1024)),
)
