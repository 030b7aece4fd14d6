"""A line on the terminal that says how far an epoch is, what is left of it and how good the model is.

On a terminal the line is redrawn in place, ten times a second at most; elsewhere (a file, a pipe, a log of
CI) one line is written per epoch.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TextIO

WIDTH = 24  # characters of the bar itself
REDRAW = 0.1  # seconds


class ProgressBar:
    """`update(done, numbers)` after each step, `finish(numbers)` after the last."""

    def __init__(self, title: str, total: int, stream: TextIO | None = None) -> None:
        self.title, self.total, self.stream = title, total, stream or sys.stderr
        self.started = self.drawn = time.monotonic()
        self.first: int | None = None  # the step that was done when we began to look: resuming starts within
        self.live = self.stream.isatty()
        self.length = 0

    def update(self, done: int, numbers: Mapping[str, float]) -> None:
        """`done` of `total` steps are done; `numbers` are shown behind the bar."""
        self.first = done - 1 if self.first is None else self.first
        now = time.monotonic()
        if self.live and now - self.drawn >= REDRAW:
            self.drawn = now
            per_step = (now - self.started) / (done - self.first)
            self._draw(done, f"{_clock(per_step * (self.total - done))} left", numbers)

    def finish(self, numbers: Mapping[str, float]) -> None:
        """The epoch is over: its time, and the end of the line."""
        self._draw(self.total, f"in {_clock(time.monotonic() - self.started)}", numbers)
        self.stream.write("\n")
        self.stream.flush()

    def _draw(self, done: int, when: str, numbers: Mapping[str, float]) -> None:
        filled = WIDTH * done // max(self.total, 1)
        bar = "█" * filled + "░" * (WIDTH - filled) if self.live else ""
        values = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        line = "  ".join(part for part in (self.title, bar, f"{done}/{self.total}", when, values) if part)
        padding = " " * max(0, self.length - len(line))
        self.stream.write(("\r" if self.live else "") + line + padding)
        self.stream.flush()
        self.length = len(line)


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
