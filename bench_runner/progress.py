"""What a run says while it goes on, and whether anybody still wants it.

Not in charge of sending (`worker`). Events are few: one per step, case or pair, never one per call.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bench_runner.contract import Phase, ProgressEvent
from bench_runner.failure import Cancelled

Report = Callable[[ProgressEvent], None]


class Progress:
    def __init__(self, report: Report, cancelled: Callable[[], bool]) -> None:
        self._report, self._cancelled = report, cancelled
        self._seq = 0

    def say(
        self,
        phase: Phase,
        text: str = "",
        *,
        case: str = "",
        ok: bool | None = None,
        done: int = 0,
        total: int = 0,
        note: dict[str, Any] | None = None,
    ) -> None:
        """Report one event.

        Raises:
            Cancelled: nobody wants the result any more.
        """
        self._seq += 1
        self._report(ProgressEvent(self._seq, time.time(), phase, text, case, ok, done, total, note or {}))
        self.go_on()

    def go_on(self) -> None:
        if self._cancelled():
            raise Cancelled
