"""How much others used this machine's processors while a pair was timed.

Not in charge of what follows from it (`timing.py`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

OTHERS_CORES = 0.15  # above this share of a core, a pair is timed once more
_TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Moment:
    at: float
    busy: float  # seconds of all processors, stolen time included
    stolen: float
    ours: float  # this process and the guests


@dataclass(frozen=True)
class Noise:
    others: float  # cores, on average
    stolen: float  # seconds that the host gave to somebody else

    @property
    def too_loud(self) -> bool:
        return self.others > OTHERS_CORES or self.stolen > 0


def moment(guests: Sequence[int]) -> Moment:
    """Now; `guests` are the process ids of our own guests."""
    with open("/proc/stat", "rb") as file:
        fields = [int(word) for word in file.readline().split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, stolen = fields
    busy = (user + nice + system + irq + softirq + stolen) * _TICK
    own = os.times()
    ours = own.user + own.system + sum(_guest_seconds(pid) for pid in guests)
    return Moment(time.perf_counter(), busy, stolen * _TICK, ours)


def between(start: Moment, end: Moment) -> Noise:
    wall = max(end.at - start.at, _TICK)
    # The kernel counts in ticks: what lies within two of them is no evidence of anybody else.
    others = (end.busy - start.busy) - (end.ours - start.ours) - 2 * _TICK
    return Noise(max(others, 0.0) / wall, end.stolen - start.stolen)


def _guest_seconds(pid: int) -> float:
    try:
        words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # it has ended: the call that notices reports it
        return 0.0
    return (int(words[11]) + int(words[12])) * _TICK
