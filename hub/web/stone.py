"""A board drawn as streaks on a stone: where each interval lies beside the baseline.

The axis is logarithmic, so that twice as fast and half as fast are equally far from the baseline. Not in
charge of ranks (`hub/boards/queries.py`) nor of the large figure (`hub/boards/plots.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hub.boards.history import Moment
from hub.boards.queries import Board, Entry

LEAST_SPAN = math.log(1.25)  # an axis over less than this would make noise look like a difference
ROOM = 0.06  # free part of the axis at either end


@dataclass(frozen=True)
class Streak:
    """One line of the stone, in per cent of its width; `start` and `length` span from 1 to the ratio."""

    entry: Entry | Moment
    start: float
    length: float
    point: float
    low: float
    high: float

    @property
    def width(self) -> float:
        return round(self.high - self.low, 2)

    @property
    def slower(self) -> bool:
        return self.entry.ratio < 1


@dataclass(frozen=True)
class Stone:
    streaks: tuple[Streak, ...]
    baseline: float  # where the ratio 1 lies
    baseline_after: int  # so many streaks stand above the baseline's own line
    more: int  # entries that are not drawn


def stone(board: Board, most: int | None = None) -> Stone:
    return draw(board.entries[:most], more=board.number - len(board.entries[:most]))


def draw(entries: Sequence[Entry | Moment], more: int = 0, above: int | None = None) -> Stone:
    """Put `entries` on one axis with the baseline; `above` of them stand over it, counted here if None."""
    ends = [0.0, *(math.log(end) for entry in entries for end in (entry.low, entry.high) if end > 0)]
    low, high = min(ends), max(ends)
    short = max(0.0, LEAST_SPAN - (high - low))
    low, high = low - short / 2, high + short / 2
    room = (high - low) * ROOM
    low, high = low - room, high + room

    def at(ratio: float) -> float:
        return round(100 * (math.log(ratio) - low) / (high - low), 2) if ratio > 0 else 0.0

    streaks = []
    for entry in entries:
        one, point, left, right = at(1), at(entry.ratio), at(entry.low), at(entry.high)
        streaks.append(
            Streak(entry, min(one, point), round(abs(point - one), 2), point, left, max(right, left + 0.4))
        )
    over = sum(entry.ratio >= 1 for entry in entries) if above is None else above
    return Stone(tuple(streaks), at(1), over, more)
