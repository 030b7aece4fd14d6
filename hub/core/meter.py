"""Counts of HTTP requests and how long they took, over all processes that serve them.

Not in charge of showing them (`hub/web/metrics.py`).

Theory of operation. A scrape meets one process of several, so counts in a process's memory would jump. Each
process adds to a file of its own, mapped into its memory: an addition costs no system call and outlives the
process. A file is owned by a lock that the kernel drops with the process; the next one goes on adding to it.
So counts only grow, there are as many files as there were processes at once, and a scrape adds them up.
"""

from __future__ import annotations

import fcntl
import logging
import math
import mmap
import os
import struct
import threading
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

KINDS = ("page", "api", "git", "static", "probe")
CLASSES = ("2xx", "3xx", "4xx", "5xx")
BOUNDS = (0.01, 0.025, 0.05, 0.08, 0.15, 0.3, 0.6, 1.0, 2.5, 10.0, math.inf)  # seconds, upper ends
NUMBERS = len(BOUNDS) + 1  # counts, one for each bound, and the seconds in all
NUMBER = struct.Struct("d")
BYTES = len(KINDS) * len(CLASSES) * NUMBERS * NUMBER.size
SLOTS = 64

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """Requests of one kind and class of status: a count for each of BOUNDS, and the seconds in all."""

    kind: str
    status: str
    counts: tuple[float, ...]
    seconds: float


class Meter:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._memory: mmap.mmap | None = None
        self._pid = 0

    def note(self, kind: str, status: int, seconds: float) -> None:
        """Count a request. Never fails: what cannot be counted is not."""
        row = KINDS.index(kind) * len(CLASSES) + min(max(status // 100, 2), 5) - 2
        with self._lock:
            if self._pid != os.getpid():  # the first, or the first after a fork
                self._pid, self._memory = os.getpid(), self._own()
            if self._memory is not None:
                self._add(row * NUMBERS + bisect_left(BOUNDS, seconds), 1.0)
                self._add(row * NUMBERS + len(BOUNDS), seconds)

    def readings(self) -> Iterator[Reading]:
        """What all processes have counted; nothing of what never came."""
        files = [path.read_bytes() for path in sorted(self._folder.glob("*.meter"))]
        whole = [struct.unpack(f"{BYTES // NUMBER.size}d", data) for data in files if len(data) == BYTES]
        summed = [sum(column) for column in zip(*whole, strict=True)]
        for place in range(len(summed) // NUMBERS):
            *counts, seconds = summed[place * NUMBERS : (place + 1) * NUMBERS]
            if sum(counts):
                kind, status = divmod(place, len(CLASSES))
                yield Reading(KINDS[kind], CLASSES[status], tuple(counts), seconds)

    def _add(self, place: int, more: float) -> None:
        assert self._memory is not None  # noqa: S101  # asked by the caller
        (before,) = NUMBER.unpack_from(self._memory, place * NUMBER.size)
        NUMBER.pack_into(self._memory, place * NUMBER.size, before + more)

    def _own(self) -> mmap.mmap | None:
        """The first file that no living process owns."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for slot in range(SLOTS):
                descriptor = os.open(
                    self._folder / f"{slot}.meter", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
                )
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(descriptor)
                    continue
                os.ftruncate(descriptor, BYTES)
                return mmap.mmap(descriptor, BYTES)  # the descriptor stays open: it holds the lock
        except OSError as error:
            log.warning("requests are not counted: %s", error)
        return None


meter = Meter(settings.DATA_DIR / "run" / "meters")
