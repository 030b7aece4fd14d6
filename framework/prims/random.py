"""The record of random numbers: a function of a key alone, the same in every mode."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.core import dtypes
from framework.core.prim import Aval, define


def _random(xp: Any, key: Any, shape: tuple[int, ...], kind: str, dtype: Any) -> Any:
    """From NumPy's Philox on every device, so that a GPU draws the CPU's numbers."""
    stream, count = [int(v) for v in (key if xp is np else key.get())]
    source = np.random.Generator(np.random.Philox(key=stream, counter=count << 64))
    if kind == "bits":
        out = source.integers(0, 2 ** (8 * dtype.itemsize), shape, dtype, endpoint=False)
    else:
        wide = np.float64 if dtype == dtypes.float64 else np.float32
        out = (source.random if kind == "uniform" else source.standard_normal)(shape, wide).astype(dtype)
    return xp.asarray(out)


def _infer(key: Any, shape: tuple[int, ...], kind: str, dtype: Any) -> Aval:
    return Aval(shape, dtype)


RANDOM = define(
    "random", _random, _infer
)  # key: uint64 (stream, count); kind: "uniform" [0, 1), "normal", "bits"
