"""What Celery calls in a worker's child process: one task, which hands a job's id to `Attempts`.

Not in charge of anything else. The child opens its own sandbox slot once and keeps it; without one it
claims nothing.
"""

from __future__ import annotations

import logging

from celery.signals import worker_process_init

from bench_runner.attempt import Attempts
from bench_runner.celery import TASK, app
from bench_runner.config import Config
from bench_runner.director import judge
from bench_runner.fingerprint import Machine, machine
from bench_runner.sandbox import Sandbox

log = logging.getLogger(__name__)


class _Slot:
    """What the child has: made by the main process before the fork, completed after it."""

    def __init__(self) -> None:
        self.given: tuple[Config, Machine] | None = None
        self.attempts: Attempts | None = None

    def open(self) -> Attempts:
        if self.attempts is None:
            config = self.given[0] if self.given else Config.from_environment()
            found = self.given[1] if self.given else machine(config.data_dir)
            sandbox = Sandbox.open(unsafe=config.unsafe)
            self.attempts = Attempts(config, sandbox, found, judge)
        return self.attempts


slot = _Slot()


@app.task(name=TASK)  # type: ignore[untyped-decorator]
def run(job: str) -> None:
    slot.open().run(job)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def open_early(**_: object) -> None:
    """Now rather than when the first job waits. A fault here is logged by Celery and met again by `run`."""
    slot.open()
