"""The record of random numbers: a function of a key alone, the same in every mode."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.core import dtypes
from framework.core.prim import Aval, define
from framework.core.tensor import apply
from framework.prims.shape import to_front


def _random(xp: Any, key: Any, shape: tuple[int, ...], kind: str, dtype: Any) -> Any:
    """From NumPy's Philox on every device, so that a GPU draws the CPU's numbers."""
    keys = key if xp is np else key.get()
    drawn = [_drawn(int(stream), int(count), shape, kind, dtype) for stream, count in keys.reshape(-1, 2)]
    return xp.asarray(drawn[0] if keys.ndim == 1 else np.reshape(drawn, (*keys.shape[:-1], *shape)))


def _drawn(stream: int, count: int, shape: tuple[int, ...], kind: str, dtype: Any) -> Any:
    source = np.random.Generator(np.random.Philox(key=stream, counter=count << 64))
    if kind == "bits":
        return source.integers(0, 2 ** (8 * dtype.itemsize), shape, dtype, endpoint=False)
    wide = np.float64 if dtype == dtypes.float64 else np.float32
    return (source.random if kind == "uniform" else source.standard_normal)(shape, wide).astype(dtype)


def _infer(key: Any, shape: tuple[int, ...], kind: str, dtype: Any) -> Aval:
    return Aval((*key.shape[:-1], *shape), dtype)


RANDOM = define(  # key: uint64 (stream, count), or an array of keys; kind: "uniform" [0, 1), "normal", "bits"
    "random",
    _random,
    _infer,
    vmap=lambda prim, ins, bdims, attrs: (apply(prim, to_front(ins[0], bdims[0]), **attrs), 0),
)
