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

import random
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

GUARD = 128  # bytes on both sides of a tensor
WITNESSES = 64  # elements of each output; reading them takes 1 µs

_random = random.SystemRandom()


class Watched:
    """One output of a call."""

    def __init__(self, name: str, output: Array, around: Array, beside: Array) -> None:
        """`around`: the bytes of the output and its guards; `beside`: what the guards hold."""
        self.name = name
        self._flat, self._around, self._beside = output.reshape(-1), around, beside
        self._places = _places(self._flat.size)
        self._seen = self._flat[:0]

    def look(self) -> None:
        """Read the witnesses. As quick as can be: the guest may still run."""
        self._seen = self._flat.take(self._places)

    def restore(self) -> None:
        """Put the witnesses back as they were at the answer."""
        self._flat[self._places] = self._seen

    def guards_changed(self) -> bool:
        before, after = self._around[:GUARD], self._around[-GUARD:]
        return not (np.array_equal(before, self._beside) and np.array_equal(after, self._beside))


def noise() -> npt.NDArray[np.uint8]:
    """The content of the guards of one call."""
    return np.frombuffer(_random.randbytes(GUARD), np.uint8)


def _places(size: int) -> npt.NDArray[np.int64]:
    """Random elements of an output, with repetition."""
    if not size:
        return np.empty(0, np.int64)
    drawn = np.frombuffer(_random.randbytes(8 * WITNESSES), np.uint64)
    return (drawn % np.uint64(size)).astype(np.int64)
