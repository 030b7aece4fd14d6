"""What linear layers in int8 are tried with."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.samples import Case, Rng, Sample, exactly, integers, normal, uniform

INF, NAN = np.inf, np.nan


def spiky(m: int, k: int) -> Sample:
    """Normal values, and a few columns with some far larger ones."""

    def draw(rng: Rng) -> Any:
        x = rng.standard_normal((m, k))
        if m and k:
            x[rng.integers(0, m, 3), rng.integers(0, k, 3)] = [9, -20, 6]
        return x

    return draw


def _rows(label: str, x: Sample, threshold: float = 0, **more: Any) -> Case:
    return Case("int8_quantize_rows", label, {"x": x}, {"threshold": threshold}, **more)


def _linear(m: int, n: int, k: int, threshold: float = 0.0, bias: bool = False, **more: Any) -> Case:
    arrays = {
        "x": spiky(m, k),
        "weight": integers(-127, 128, n, k),
        "weight_absmax": uniform(0.1, 2, n),
    }
    if bias:
        arrays["bias"] = normal(n)
    label = f"{m}x{n}x{k}{f', outliers from {threshold}' if threshold else ''}"
    return Case("int8_linear", label, arrays, {"threshold": threshold}, **more)


def _grad(m: int, n: int, k: int) -> Case:
    arrays = {"grad": normal(m, n), "weight": integers(-127, 128, n, k), "weight_absmax": uniform(0.1, 2, n)}
    return Case("int8_linear_grad", f"{m}x{n}x{k}", arrays)


TIES = np.array([[127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5]] * 3)
CASES = (
    *(_rows(f"{m}x{k}", normal(m, k)) for m, k in [(0, 5), (1, 1), (3, 15), (5, 17), (2, 300)]),
    _rows("three axes", normal(2, 3, 33)),
    _rows("outliers", spiky(9, 270), 6.0),
    _rows("ties to even", exactly(TIES)),
    _rows("all out", exactly(np.full((2, 40), 7.0)), 6.0),
    _rows(
        "specials", exactly([[0.0] * 20, [NAN] + [1.0] * 19, [INF, -INF] + [1.0] * 18, [-0.0, 3] * 10]), 0.0
    ),
    _rows("specials and a threshold", exactly([[NAN] + [1.0] * 19, [1.0, 2, INF] + [3.0] * 17]), 6.0),
    *(
        _linear(m, n, k)
        for m, n, k in [(0, 3, 8), (2, 0, 8), (1, 3, 0), (1, 1, 1), (1, 37, 64), (3, 5, 65), (4, 4, 200)]
    ),
    _linear(7, 33, 130, bias=True),
    _linear(33, 34, 127),
    _linear(1, 40, 128, threshold=6.0, bias=True),
    _linear(18, 49, 192, threshold=6.0, bias=True),
    _linear(13, 17, 2100, threshold=6.0, bias=True),  # more than a block of depth
    *(_grad(m, n, k) for m, n, k in [(0, 3, 8), (1, 1, 1), (3, 17, 33), (9, 20, 64), (5, 0, 7)]),
)
BENCH = (
    _rows("4096x4096", spiky(4096, 4096), 6.0),
    *(_linear(m, 4096, 4096, threshold=6.0, dtypes=("f32", "bf16")) for m in (1, 16, 256)),
    _grad(64, 4096, 4096),
)
