"""What comparing a frozen output cannot see: writes beside it, and writes after the answer.

Not in charge of the comparison (`check.py`) nor of the turn that it belongs to (`channel.py`).

Theory of operation. Every tensor of a call lies between two guards of noise, new in each call. Beside an
input they keep anybody from being right by a zero that happened to lie there; beside an output they must be
unchanged afterwards. And freezing takes 20 µs or more, in which a guest that answered early could finish.
So some elements of each output, at random places, are read the moment the answer is seen, before the
freeze, and count as they were then. Whoever still had one element in thirty to write is caught within a few
calls.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

GUARD = 128  # bytes on both sides of a tensor
WITNESSES = 64  # elements of each output; reading them takes 1 µs

_STOCK_BYTES = 1 << 16  # bought in bulk: a system call for each would cost more than all the rest


class Watched:
    """One output at one place, for any number of calls."""

    def __init__(self, name: str, output: Array, around: Array) -> None:
        """`around`: the bytes of the output and its guards."""
        self.name = name
        self._flat, self._before, self._after = output.reshape(-1), around[:GUARD], around[-GUARD:]
        self._beside = noise()
        self._places = _places(0)
        self._seen = self._flat[:0]

    def expect(self, beside: Array) -> None:
        """A call begins: its guards hold `beside`, its witnesses are drawn."""
        self._beside = beside
        self._places = _places(self._flat.size)

    def look(self) -> None:
        """Read the witnesses. As quick as can be: the guest may still run."""
        self._seen = self._flat.take(self._places)

    def restore(self) -> None:
        """Put the witnesses back as they were at the answer."""
        self._flat[self._places] = self._seen

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


def noise() -> npt.NDArray[np.uint8]:
    """The content of the guards of one call."""
    return _stock.take(GUARD)


def _places(size: int) -> npt.NDArray[np.int64]:
    """Random elements of an output, with repetition."""
    if not size:
        return np.empty(0, np.int64)
    drawn = _stock.take(8 * WITNESSES).view(np.uint64)
    return (drawn % np.uint64(size)).view(np.int64)
