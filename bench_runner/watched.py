"""What comparing a frozen output cannot see: writes beside it, and writes after the answer.

Not in charge of the comparison (`check.py`) nor of the turn that it belongs to (`channel.py`).

Theory of operation. Every tensor of a call lies between two guards of noise, new in each call. Beside an
input they keep anybody from being right by a zero that happened to lie there; beside an output they must be
unchanged afterwards. And freezing takes 20 µs or more, in which a guest that answered early could finish.
So some elements of each output, at random places, are read the moment the answer is seen, before the
freeze, and count as they were then. Whoever still had one element in thirty to write, and 3 µs of work
with it, is caught within some thirty calls (20 of 20 jobs of 90 µs a call).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

GUARD = 128  # bytes on both sides of a tensor
WITNESSES = 8  # elements of each output; all are read within 2 µs, in which a guest writes few others

_STOCK_BYTES = 1 << 16  # bought in bulk: a system call for each would cost more than all the rest


class Watched:
    """One output at one place, for any number of calls."""

    def __init__(self, name: str, output: Array, around: Array) -> None:
        """`around`: the bytes of the output and its guards."""
        self.name = name
        self._flat, self._before, self._after = output.reshape(-1), around[:GUARD], around[-GUARD:]
        self._beside = noise()
        # Single elements are read sooner through this than by NumPy, and each counts from its own moment.
        words: Any = self._flat.view(f"u{output.dtype.itemsize}")
        self._elements = memoryview(words)
        self._places: list[int] = []
        self._pick: Callable[[Any], tuple[int, ...]] = _nothing
        self._seen: tuple[int, ...] = ()

    def expect(self, beside: Array) -> None:
        """A call begins: its guards hold `beside`, its witnesses are drawn."""
        self._beside = beside
        self._places = _places(self._flat.size)
        self._pick = itemgetter(*self._places) if self._places else _nothing

    def look(self) -> None:
        """Read the witnesses. As quick as can be: the guest may still run."""
        self._seen = self._pick(self._elements)

    def restore(self) -> None:
        """Put the witnesses back as they were at the answer."""
        for place, seen in zip(self._places, self._seen, strict=True):
            self._elements[place] = seen

    def guards_changed(self) -> bool:
        beside = self._beside
        return bool((self._before != beside).any() or (self._after != beside).any())


class _Stock:
    """Random bytes of the operating system, each given out once."""

    def __init__(self) -> None:
        self._bytes, self._at = np.empty(0, np.uint8), 0

    def take(self, count: int) -> npt.NDArray[np.uint8]:
        end = self._at + count
        if end > self._bytes.size:
            self._bytes, end = np.frombuffer(os.urandom(_STOCK_BYTES), np.uint8), count
        self._at = end
        return self._bytes[end - count : end]


_stock = _Stock()


def _nothing(_elements: Any) -> tuple[int, ...]:
    return ()


def noise() -> npt.NDArray[np.uint8]:
    """The content of the guards of one call."""
    return _stock.take(GUARD)


def _places(size: int) -> list[int]:
    """Random elements of an output, with repetition."""
    if not size:
        return []
    places: list[int] = (_stock.take(8 * WITNESSES).view(np.uint64) % np.uint64(size)).tolist()
    return places
