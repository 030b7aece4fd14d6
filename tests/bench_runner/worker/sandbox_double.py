"""Stands for a sandbox: starts nothing, counts what is asked of it, fails where a test says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class SandboxDouble:
    cleared = 0
    opened = 1
    started = 0
    trouble: Exception | None = None  # raised by whatever is asked of it

    @contextmanager
    def start(self, *_: object, **__: object) -> Iterator[SandboxDouble]:
        if self.trouble:
            raise self.trouble
        self.started += 1
        yield self

    def wait(self) -> None: ...

    def clear_abandoned(self) -> None: ...

    def clear(self) -> None:
        self.cleared += 1
        if self.trouble:
            raise self.trouble

    def reopened(self) -> SandboxDouble:
        if self.trouble:
            raise self.trouble
        self.opened += 1
        return self
