"""What embedding and its gradient are tried with."""

from __future__ import annotations

import numpy as np

from kernels.samples import Case, exactly, integers, normal


def _forward(label: str, rows: int, d: int, *shape: int) -> Case:
    return Case("embedding", label, {"table": normal(rows, d), "indices": integers(0, rows, *shape)})


def _gradient(label: str, rows: int, d: int, *shape: int, padding_idx: int = -1) -> Case:
    arrays = {"dy": normal(*shape, d), "indices": integers(0, rows, *shape)}
    return Case("embedding_grad", label, arrays, {"rows": rows, "padding_idx": padding_idx})


CASES = (
    _forward("no index", 5, 4, 0),
    _forward("no columns", 5, 0, 3),
    _forward("one", 1, 1, 1),
    _forward("several", 11, 37, 2, 9),
    _forward("one index", 7, 16, *()),
    Case(
        "embedding",
        "odd values",
        {"table": exactly([[np.nan, np.inf], [-np.inf, 1e-40]]), "indices": exactly([1, 0, 1])},
    ),
    _gradient("no index", 5, 4, 0),
    _gradient("no columns", 5, 0, 3),
    _gradient("one", 1, 1, 1),
    _gradient("several", 11, 37, 2, 9),
    _gradient("wide", 3, 131, 20),
    _gradient("padding", 6, 19, 30, padding_idx=2),
    Case(
        "embedding_grad",
        "odd values",
        {"dy": exactly([[np.nan, 1], [np.inf, 1e-40], [1, -np.inf]]), "indices": exactly([2, 0, 2])},
        {"rows": 4, "padding_idx": -1},
    ),
)
WORDS = {"indices": integers(0, 50257, 4096)}
BENCH = (
    Case("embedding", "4096x768", {"table": normal(50257, 768), **WORDS}, dtypes=("f32_i64",)),
    Case(
        "embedding_grad",
        "4096x768",
        {"dy": normal(4096, 768), **WORDS},
        {"rows": 50257, "padding_idx": -1},
        dtypes=("f32_i64",),
    ),
)
