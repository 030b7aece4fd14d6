"""Where time and memory go: `with profile() as p: ...; print(p)`.

Theory of operation. While a profile is open, every primitive's `impl` is wrapped by a clock, and compiled
programs note the time before each of their kernels (`CLOCK` in jit/runtime.h): nothing is paid for otherwise.
An event is one run of a primitive or of a kernel; primitives that call others through their definition hold
those inside them, so a row has its own time besides its total.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framework.core.prim import PRIMS
from framework.errors import FrameworkError
from framework.jit import program

SORTS = ("total", "own", "calls", "bytes", "name")
_open: list[Profile] = []


@dataclass(slots=True)
class Event:
    """One run: its name, when it began, how long it took, the bytes of what it made."""

    name: str
    kind: str  # "op" or "kernel"
    begin: int  # nanoseconds, of time.perf_counter_ns
    took: int = 0
    inside: int = 0  # of that, spent in events within it
    nbytes: int = 0
    thread: int = 0


@dataclass(slots=True)
class Line:
    """All events of one name."""

    name: str
    kind: str
    calls: int = 0
    total: float = 0.0  # seconds
    own: float = 0.0  # seconds, without what ran within
    nbytes: int = 0  # made, over all calls


@dataclass
class Profile:
    """What was recorded. `print(p)` shows the table."""

    events: list[Event] = field(default_factory=list)
    _running: threading.local = field(default_factory=threading.local)

    def lines(self, sort: str = "own") -> list[Line]:
        """A line for each operator and kernel, the largest first; FrameworkError for another `sort`."""
        if sort not in SORTS:
            raise FrameworkError(f"profile: sort {sort!r} is unknown; give one of {', '.join(SORTS)}")
        found: dict[tuple[str, str], Line] = {}
        for event in self.events:
            line = found.setdefault((event.kind, event.name), Line(event.name, event.kind))
            line.calls += 1
            line.total += event.took / 1e9
            line.own += (event.took - event.inside) / 1e9
            line.nbytes += event.nbytes
        by = {"bytes": "nbytes"}.get(sort, sort)
        return sorted(found.values(), key=lambda line: getattr(line, by), reverse=sort != "name")

    def table(self, sort: str = "own", most: int = 30) -> str:
        """The `most` largest lines as text: calls, own and total milliseconds, share, megabytes made."""
        lines = self.lines(sort)
        every = sum(line.own for line in lines) or 1.0
        width = max([len(line.name) for line in lines[:most]], default=4)
        rows = [f"{'name':{width}}  kind    calls   own ms  total ms  share   MB made"]
        rows += [
            f"{line.name:{width}}  {line.kind:6}{line.calls:7}{line.own * 1e3:9.3f}{line.total * 1e3:10.3f}"
            f"{line.own / every:7.1%}{line.nbytes / 1e6:10.2f}"
            for line in lines[:most]
        ]
        if len(lines) > most:
            rows.append(f"… and {len(lines) - most} more")
        return "\n".join(rows)

    __str__ = table

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the events for chrome://tracing and ui.perfetto.dev, in the Trace Event Format."""
        events = [
            {
                "name": event.name,
                "cat": event.kind,
                "ph": "X",
                "ts": event.begin / 1e3,
                "dur": event.took / 1e3,
                "pid": os.getpid(),
                "tid": event.thread,
                "args": {"bytes": event.nbytes},
            }
            for event in self.events
        ]
        Path(path).write_text(json.dumps({"traceEvents": events, "displayTimeUnit": "ns"}), encoding="utf-8")

    # Recording

    def timed(self, name: str, impl: Callable[..., Any]) -> Callable[..., Any]:
        """An implementation that adds an event whenever it runs."""

        def run(*args: Any, **attrs: Any) -> Any:
            stack = self._stack()
            event = Event(name, "op", time.perf_counter_ns(), thread=threading.get_native_id())
            stack.append(event)
            try:
                result = impl(*args, **attrs)
                event.nbytes = _nbytes(result)
                return result
            finally:
                event.took = time.perf_counter_ns() - event.begin
                stack.pop()
                self._add(event, stack)

        return run

    def kernels(self, found: list[tuple[str, int, int, int]]) -> None:
        """Add the kernels of one run of a compiled program: name, begin, end, bytes made."""
        stack = self._stack()
        for name, begin, end, nbytes in found:
            made = Event(name, "kernel", begin, end - begin, 0, nbytes, threading.get_native_id())
            self._add(made, stack)

    def _stack(self) -> list[Event]:
        if not hasattr(self._running, "stack"):
            self._running.stack = []
        stack: list[Event] = self._running.stack
        return stack

    def _add(self, event: Event, stack: list[Event]) -> None:
        self.events.append(event)
        if stack:
            stack[-1].inside += event.took


def _nbytes(result: Any) -> int:
    parts = result if isinstance(result, tuple | list) else (result,)
    return sum([getattr(part, "nbytes", 0) for part in parts])


@contextmanager
def profile() -> Iterator[Profile]:
    """Record every operator and compiled kernel that runs until the end of the block.

    Raises FrameworkError within another profile: its clocks would count twice.
    """
    if _open:
        raise FrameworkError("profile: one is open already; end it first")
    found = Profile()
    _open.append(found)
    before = {prim: prim.impl for prim in PRIMS.values()}
    try:
        for prim, impl in before.items():
            prim.impl = found.timed(prim.name, impl)
        program.observer = found.kernels
        yield found
    finally:
        program.observer = None
        for prim, impl in before.items():
            prim.impl = impl
        _open.clear()
