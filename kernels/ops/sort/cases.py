"""What sorting is tried with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kernels.samples import Case, Sample, exactly, integers, normal

INF, NAN = np.inf, np.nan
FLOATS = ("f32", "bf16", "f16")
WHOLE = ("i32", "i64")
NAMES = ("sort", "argsort")


def _both(label: str, x: Sample, dtypes: tuple[str, ...]) -> tuple[Case, ...]:
    arrays: Mapping[str, Sample] = {"x": x}
    return tuple(Case(name, label, arrays, dtypes=dtypes) for name in NAMES)


def _few_nans(rng: np.random.Generator) -> np.ndarray:
    values = rng.standard_normal(1500)
    values[rng.integers(0, 1500, 90)] = NAN
    values[::97] = -INF
    values[::89] = INF
    return values


SHAPES = (
    *((0, 3), (3, 0), (1, 1), (5, 2), (3, 3), (2, 15), (2, 16), (3, 17), (2, 31), (2, 33), (2, 63), (3, 65)),
    *((2, 127), (2, 129), (1, 255), (1, 257), (2, 1023), (1, 5000)),
)
CASES = (
    *(case for m, n in SHAPES for case in _both(f"{m}x{n}", normal(m, n), FLOATS)),
    *(case for m, n in SHAPES for case in _both(f"{m}x{n} int", integers(-(1 << 31), 1 << 31, m, n), WHOLE)),
    *_both("long row", normal(1, 70_001), ("f32",)),
    *_both("longer row", normal(1, 300_001), ("f32",)),
    *_both("longer int", integers(-(1 << 31), 1 << 31, 1, 270_000), WHOLE),
    *_both("ties", integers(-3, 4, 2, 3000), ("f32", "bf16", "f16", "i32", "i64")),
    *_both("all alike", exactly(np.full(2000, 2.5)), FLOATS),
    *_both("sorted", exactly(np.arange(-1000.0, 1000.0)), ("f32", "i32")),
    *_both("backwards", exactly(np.arange(1000.0, -1000.0, -1)), ("f32", "i32")),
    *_both("an organ pipe", exactly(np.abs(np.arange(-1500.0, 1500.0))), ("f32", "i32")),
    *_both("specials", exactly([[NAN, 1, -INF, 0.0, -0.0, INF, NAN, -1e-40, 1e-40, -1, 0.0, -0.0]]), FLOATS),
    *_both("NaN among others", _few_nans, FLOATS),
    *_both("the largest", exactly([(1 << 31) - 1, -(1 << 31), 0, -1, (1 << 31) - 1] * 40), WHOLE),
    *_both("wide", integers(-(1 << 62), 1 << 62, 1, 700), ("i64",)),
)
BENCH = (
    Case("sort", "4M", {"x": normal(1, 1 << 22)}),
    Case("sort", "4M int32", {"x": integers(-(1 << 31), 1 << 31, 1, 1 << 22)}, dtypes=("i32",)),
    Case("sort", "4M int64", {"x": integers(-(1 << 62), 1 << 62, 1, 1 << 22)}, dtypes=("i64",)),
    Case("sort", "4096x1024", {"x": normal(4096, 1024)}),
    Case("argsort", "4M", {"x": normal(1, 1 << 22)}),
    Case("argsort", "4096x1024", {"x": normal(4096, 1024)}),
)
