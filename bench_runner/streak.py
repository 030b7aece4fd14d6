"""How many jobs in a row have failed because of this machine, and how long it takes none because of that.

Not in charge of what a fault is (`attempt.py`). A job is given up after three attempts, so a broken worker
that went on claiming would use up everybody's jobs, and a sound one beside it would get none of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

MANY = 3  # different jobs: one job that fails again and again may be the fault of its task
FIRST_REST, LONGEST_REST = 60.0, 600.0  # seconds, doubled from fault to fault


class Streak:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._jobs: set[str] = set()
        self._rest, self._until = FIRST_REST, 0.0

    def fault(self, job: str) -> str:
        """Count a job that our side spoilt; what there is to say about it, or nothing."""
        self._jobs.add(job)
        if len(self._jobs) < MANY:
            return ""
        rest, self._rest = self._rest, min(2 * self._rest, LONGEST_REST)
        self._until = self._clock() + rest
        return (
            f"{len(self._jobs)} jobs in a row have failed because of this worker, "
            f"it takes none for {rest:.0f} s: run `python -m bench_runner doctor` there"
        )

    def verdict(self) -> None:
        """A job came to its end: the machine works."""
        self._jobs.clear()
        self._rest, self._until = FIRST_REST, 0.0

    @property
    def seconds_to_rest(self) -> float:
        return max(self._until - self._clock(), 0.0)
