"""Random numbers. Every function takes a `key`; without one it draws the next of the process's own stream.

A key is a tensor of two uint64, the stream and its place in it. `STATE` is the process's: a Parameter, so
`jit` treats it like any other state that a function reads and assigns, and compiled functions draw new
numbers at every call. What is traced once but runs often (an example of `vmap`, a step of a loop) draws from
a `Stream` of its own by its number, so that no two get the same; a key of one's own is the same for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from framework.core import dtypes
from framework.core.assigned import drawing_apart, streams
from framework.core.tensor import Parameter, Tensor, apply, as_tensor
from framework.errors import ArgumentError, DTypeError
from framework.ops.coerce import Operand, cast
from framework.ops.create import full
from framework.ops.elementwise import floor, where
from framework.ops.index import argsort
from framework.ops.shape import as_shape
from framework.prims.random import RANDOM

STATE = Parameter(Tensor(np.array([0, 0], np.uint64)), name="random state", requires_grad=False)
_STEP = Tensor(np.array([0, 1], np.uint64))
_FAR = Tensor(np.array([0, 2**32], np.uint64))


def set_seed(seed: int) -> None:
    """Start the process's stream anew: the same seed gives the same numbers.

    The process's key, a uint64 Parameter of shape (2,), is then `key(seed)`. Raises ArgumentError for a seed
    that is no int from 0 to 2**64 - 1. MindSpore's `set_seed`.
    """
    STATE.assign(key(seed))


def key(seed: int) -> Tensor:
    """The first key of the stream `seed`: uint64, shape (2,). Raises ArgumentError for no int of 64 bits.
    `jax.random.key`; the generator is Philox (Salmon et al. 2011).
    """
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**64:
        raise ArgumentError(f"seed {seed!r} must be an int from 0 to 2**64 - 1")
    return Tensor(np.array([seed, 0], np.uint64))


def split_key(key: Tensor, n: int = 2) -> Tensor:
    """n keys of independent streams, uint64 of shape (n, 2). `jax.random.split`."""
    return _draw((n, 2), "bits", dtypes.uint64, key)


class Stream:
    """Where the examples of a batch, the steps of a loop or the branches of a condition draw from.

    All of them together take one place of the stream around, when the first of them draws. The key of number
    i is 2**32 places from that of i - 1.
    """

    def __init__(self) -> None:
        self.base: Tensor | None = None

    @contextmanager
    def at(self, number: Any) -> Iterator[None]:
        """While entered, draws are those of an example, step or branch."""
        streams().append(_Place(self, number))
        try:
            yield
        finally:
            streams().pop()


class _Place:
    def __init__(self, stream: Stream, number: Any) -> None:
        self.stream, self.number = stream, number
        self.key: Tensor | None = None

    def next(self) -> Tensor:
        if self.stream.base is None:
            streams().pop()
            try:
                self.stream.base = _draw((2,), "bits", dtypes.uint64, None)
            finally:
                streams().append(self)
        now = self.stream.base + cast(self.number, dtypes.uint64) * _FAR if self.key is None else self.key
        self.key = now + _STEP
        return now


def _next() -> Tensor:
    if drawing_apart():
        place: _Place = streams()[-1]
        return place.next()
    now = STATE.held
    STATE.held = now + _STEP  # not assign: a branch or a batch may draw, though it may assign nothing
    STATE.version += 1
    return now


def _draw(shape: Any, kind: str, dtype: Any, key: Tensor | None) -> Tensor:
    given = _next() if key is None else as_tensor(key)
    if given.shape != (2,) or given.dtype != dtypes.uint64:
        raise DTypeError(f"key {key!r:.80}: one made by ops.key(seed) or ops.split_key(key) is needed")
    result: Tensor = apply(RANDOM, given, shape=as_shape(shape), kind=kind, dtype=dtype)
    return result


def _float(dtype: Any) -> Any:
    wanted = dtypes.as_dtype(dtype or dtypes.default_float)
    if not dtypes.is_float(wanted):
        raise DTypeError(f"random numbers of dtype {wanted.name}: a floating one is needed, or randint")
    return wanted


def rand(shape: Any, dtype: Any = None, key: Tensor | None = None) -> Tensor:
    """Uniform in [0, 1), float32 by default. `torch.rand`."""
    return _draw(shape, "uniform", _float(dtype), key)


def uniform(
    shape: Any, low: float = 0.0, high: float = 1.0, dtype: Any = None, key: Tensor | None = None
) -> Tensor:
    """Uniform in [low, high), float32 by default. MindSpore's `uniform`."""
    return rand(shape, dtype, key) * (high - low) + low


def randn(shape: Any, dtype: Any = None, key: Tensor | None = None) -> Tensor:
    """Standard normal, float32 by default. `torch.randn`."""
    return _draw(shape, "normal", _float(dtype), key)


def normal(
    shape: Any, mean: float = 0.0, std: float = 1.0, dtype: Any = None, key: Tensor | None = None
) -> Tensor:
    """Normal with that mean and standard deviation, float32 by default. `torch.normal`."""
    return randn(shape, dtype, key) * std + mean


def randint(low: int, high: int, shape: Any, dtype: Any = None, key: Tensor | None = None) -> Tensor:
    """Integers from low to high - 1, int64 by default. `torch.randint`."""
    if not low < high <= low + 2**52:
        raise ArgumentError(f"randint: low {low}, high {high}: low < high <= low + 2**52 is needed")
    return cast(floor(rand(shape, dtypes.float64, key) * (high - low)), dtype or dtypes.int64) + low


def randperm(n: int, key: Tensor | None = None) -> Tensor:
    """0 to n - 1 in random order, int64. `torch.randperm`."""
    return argsort(rand((n,), dtypes.float64, key))


def bernoulli(p: Operand, key: Tensor | None = None) -> Tensor:
    """1 with probability p, else 0, in p's shape and dtype. `torch.bernoulli`."""
    t = as_tensor(p)
    return cast(rand(t.shape, dtypes.float32, key) < t, t.dtype)


def dropout(x: Operand, p: float = 0.5, training: bool = True, key: Tensor | None = None) -> Tensor:
    """x with elements zeroed with probability p and the rest divided by 1 - p; x itself where not training.

    Raises ArgumentError for p outside [0, 1]. `torch.nn.functional.dropout`.
    """
    if not 0 <= p <= 1:
        raise ArgumentError(f"dropout: p {p} must be from 0 to 1")
    t = as_tensor(x)
    if not training or p == 0:
        return t
    if p == 1:
        return where(full((), False), t, 0)
    return where(rand(t.shape, dtypes.float32, key) >= p, t / (1 - p), 0)
