"""Who comes first, and who has which buffers: drawn for one pair of guests, turned round for the next.

Not in charge of what is done in that order (`timing.py`).
"""

from __future__ import annotations

import random

SIDES = ("baseline", "candidate")


class Roles:
    """Being first was worth 0.9 % of a call of 1 ms; whatever it is worth, each side has it equally often."""

    def __init__(self, source: random.Random) -> None:
        self._random = source
        self._turned = False
        self._drawn: dict[str, bool] = {}

    def next_pair(self) -> None:
        self._turned = not self._turned
        if not self._turned:
            self._drawn = {}

    def order(self, what: str) -> list[str]:
        """The sides in the order in which they do this in the present pair."""
        drawn = self._drawn.setdefault(what, self._random.random() < 0.5)
        return list(SIDES if drawn is self._turned else SIDES[::-1])
