"""Whether this worker should take jobs: faults in a row, the rest after many of them, and what is wrong now.

Not in charge of what a fault is (`attempt.py`). A job is given up after three attempts, so a broken worker
that went on claiming would use up everybody's jobs, and a sound one beside it would get none of them.

Theory of operation. The process that judges writes here, the worker's main process reads it into each hello.
Made before the fork, it lies in memory that both share, so it outlives the process that judges: one that dies
over job after job is known by its successor, which finds the job that the dead one was at.
"""

from __future__ import annotations

import json
import mmap
import time
from collections.abc import Callable
from typing import Any

MANY = 3  # different jobs: one job that fails again and again may be the fault of its task
FIRST_REST, LONGEST_REST = 60.0, 600.0  # seconds, doubled from fault to fault
SHARED_BYTES = 4096
TROUBLE_LONGEST = 500


class Fitness:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._memory = mmap.mmap(-1, SHARED_BYTES)

    def begin(self, job: str) -> None:
        """Note that a job is at hand."""
        self._write(at=job)

    def end(self) -> None:
        """The job at hand has been dealt with, in whatever way."""
        self._write(at="")

    def recover(self) -> str:
        """Count the job over which an earlier process died, if one did; what there is to say about it."""
        died_at = self._read("at", "")
        self.end()
        return self.fault(died_at) if died_at else ""

    def fault(self, job: str) -> str:
        """Count a job that our side spoilt; what there is to say about it, or nothing."""
        jobs = sorted({*self._read("jobs", []), job})[:MANY]
        self._write(jobs=jobs)
        if len(jobs) < MANY:
            return ""
        rest = self._read("rest", FIRST_REST)
        self._write(rest=min(2 * rest, LONGEST_REST), until=self._clock() + rest)
        return (
            f"{len(jobs)} jobs in a row have failed because of this worker, "
            f"it takes none for {rest:.0f} s: run `python -m bench_runner doctor` there"
        )

    def verdict(self) -> None:
        """A job came to its end: the machine works."""
        self._write(jobs=[], rest=FIRST_REST, until=0.0)

    @property
    def seconds_to_rest(self) -> float:
        return max(float(self._read("until", 0.0)) - self._clock(), 0.0)

    @property
    def trouble(self) -> str:
        """Why no job can be taken now, with the cure; empty when all is well."""
        return str(self._read("trouble", ""))

    @trouble.setter
    def trouble(self, words: str) -> None:
        if words != self.trouble:
            self._write(trouble=words[:TROUBLE_LONGEST])

    def _read(self, name: str, otherwise: Any) -> Any:
        try:
            return json.loads(self._memory[:].rstrip(b"\0") or b"{}").get(name, otherwise)
        except ValueError:  # the other process is writing this very moment, or died while it did
            return otherwise

    def _write(self, **changes: Any) -> None:
        try:
            known = json.loads(self._memory[:].rstrip(b"\0") or b"{}")
        except ValueError:
            known = {}
        text = json.dumps({**known, **changes}).encode()
        self._memory[:] = text.ljust(SHARED_BYTES, b"\0")
