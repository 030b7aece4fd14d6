"""Shows what a long start is doing, all along. Standard library only.

Not in charge of what is done. On a terminal one line is rewritten as output comes; elsewhere (a log, a
pipe) a line is printed every few seconds, so that nobody looks at a silent program.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from hub.services.instance import StartRefused

QUIET_SECONDS = 5.0  # how long nothing is printed when the output is not a terminal
SHOWN_LINES = 30  # of a command that failed


class Progress:
    def __init__(self, started: float, out: IO[str] = sys.stdout) -> None:
        self._started = started
        self._out = out
        self._live = out.isatty()
        self._printed = started

    def say(self, line: str) -> None:
        self._clear()
        self._write(f"[{time.monotonic() - self._started:6.1f} s] {line}\n")

    def warn(self, text: str) -> None:
        self.say(f"! {text}")

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce it, and say at its end how long it took."""
        began = time.monotonic()
        self.say(f"{title} …")
        yield
        self.say(f"    done in {time.monotonic() - began:.1f} s")

    def run(self, command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> None:
        """Run it and show its last line as it goes; StartRefused with its last lines when it fails."""
        lines: deque[str] = deque(maxlen=SHOWN_LINES)
        try:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise StartRefused(f"{command[0]} cannot be run: {error.strerror}") from error
        with process:
            self._follow(process, lines)
        if process.returncode != 0:
            said = "\n".join(f"    {line}" for line in lines)
            raise StartRefused(f"{' '.join(command)}\nended with status {process.returncode}:\n{said}")

    def _follow(self, process: subprocess.Popen[bytes], lines: deque[str]) -> None:
        assert process.stdout is not None  # noqa: S101  # for the type checker: it is a pipe
        rest = b""
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            while True:
                if ready.select(timeout=1.0):
                    chunk = os.read(process.stdout.fileno(), 65536)
                    if not chunk:
                        return
                    *whole, rest = (rest + chunk).split(b"\n")
                    lines.extend(line.decode("utf-8", "replace").rstrip() for line in whole if line.strip())
                self._show(lines[-1] if lines else "")

    def _show(self, line: str) -> None:
        shown = f"[{time.monotonic() - self._started:6.1f} s]     {line.strip()[:90] or '(still at it)'}"
        if self._live:
            self._write(f"\r\033[K{shown}")
        elif time.monotonic() - self._printed >= QUIET_SECONDS:
            self._write(f"{shown}\n")

    def _clear(self) -> None:
        if self._live:
            self._write("\r\033[K")

    def _write(self, text: str) -> None:
        self._printed = time.monotonic()
        with contextlib.suppress(OSError):  # the terminal was closed: what runs, or is being ended, goes on
            self._out.write(text)
            self._out.flush()
