"""What else happened to this machine while a pair was timed: other programs, the host, the clock's pace.

Not in charge of what follows from it (`timing.py`).
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

OTHERS_CORES = 0.15  # above this share of a core, a pair is timed once more
STOLEN_SHARE = 0.01  # … above this share of its time that the host gave to somebody else
PACE = math.log(1.25)  # … or when both sides ran this much faster or slower than in the pairs before
DRIFT = math.log(1.25)  # between the two halves of a job: then its first half is forgotten
_TICK = 1 / os.sysconf("SC_CLK_TCK")


class Guest(Protocol):
    """What is needed of `sandbox.Guest`."""

    def cpu_seconds(self) -> float: ...


@dataclass(frozen=True)
class Moment:
    at: float
    busy: float  # seconds of all processors, stolen time included
    stolen: float
    ours: float  # this process and the guests with all that they started


@dataclass(frozen=True)
class Pace:
    """How long both sides took, as the mean over cases of the logarithm of the seconds."""

    baseline: float
    candidate: float

    def shift(self, usual: Pace) -> float:
        """How far both are off `usual` together: what one side does alone is not the machine's doing."""
        base, cand = self.baseline - usual.baseline, self.candidate - usual.candidate
        return min(abs(base), abs(cand)) if base * cand > 0 else 0.0


@dataclass(frozen=True)
class Noise:
    others: float  # cores, on average
    stolen: float  # share of the time that the host gave to somebody else
    off: float = 0.0  # how far both sides were off their usual pace
    slowed: bool = False  # the device says that heat or power slowed it

    @property
    def contention(self) -> float:
        """Above 1 somebody else wanted the processors."""
        return max(self.others / OTHERS_CORES, self.stolen / STOLEN_SHARE)

    @property
    def loudness(self) -> float:
        """Above 1 the pair is timed once more."""
        return max(self.contention, self.off / PACE, 2.0 * self.slowed)


def moment(guests: Iterable[Guest]) -> Moment:
    with open("/proc/stat", "rb") as file:
        fields = [int(word) for word in file.readline().split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, stolen = fields
    busy = (user + nice + system + irq + softirq + stolen) * _TICK
    own = os.times()
    ours = own.user + own.system + sum(guest.cpu_seconds() for guest in guests)
    return Moment(time.perf_counter(), busy, stolen * _TICK, ours)


def between(start: Moment, end: Moment) -> Noise:
    wall = max(end.at - start.at, _TICK)
    # The kernel counts in ticks: what lies within two of them is no evidence of anybody else.
    others = (end.busy - start.busy) - (end.ours - start.ours) - 2 * _TICK
    stolen = end.stolen - start.stolen - _TICK
    return Noise(max(others, 0.0) / wall, max(stolen, 0.0) / wall)


def usual(paces: Sequence[Pace]) -> Pace:
    return Pace(median(p.baseline for p in paces), median(p.candidate for p in paces))


def off_pace(pace: Pace, earlier: Sequence[Pace]) -> float:
    """How far a pair is off the pace of those before it; 0 while these are too few to tell."""
    return pace.shift(usual(earlier)) if len(earlier) >= 3 else 0.0


def drift(paces: Sequence[Pace]) -> float:
    """How far the second half of a job is off the first: the machine itself became faster or slower."""
    half = len(paces) // 2
    return usual(paces[-half:]).shift(usual(paces[:half])) if half >= 2 else 0.0
