"""What Celery calls in a worker's child process: hands a job's id, or a canary, to `Attempts`.

Not in charge of anything else. The child opens its own sandbox slot once and keeps it until it ends; without
one it claims nothing.
"""

from __future__ import annotations

import ctypes
import gc
import logging
from typing import TYPE_CHECKING

from celery.signals import worker_process_init, worker_process_shutdown

from bench_runner.celery import CANARY, TASK, app
from bench_runner.config import Config
from bench_runner.errors import JudgeError
from bench_runner.fingerprint import Machine, machine
from bench_runner.fitness import Fitness
from bench_runner.sandbox import Sandbox

if TYPE_CHECKING:
    from bench_runner.attempt import Attempts

log = logging.getLogger(__name__)


class _Slot:
    """What the child has: made by the main process before the fork, completed after it."""

    def __init__(self) -> None:
        self.given: tuple[Config, Machine, Fitness] | None = None
        self.attempts: Attempts | None = None

    def open(self) -> Attempts:
        """
        Raises:
            SandboxUnavailable: and the next hello says why.
        """
        if self.attempts is None:
            # Not above: judge and NumPy are 17 MB, and the main process, which imports us too, uses neither.
            from bench_runner.attempt import Attempts
            from bench_runner.director import judge

            config, found, fitness = self.given or _of_its_own()
            try:
                sandbox = Sandbox.open(unsafe=config.unsafe)
            except (JudgeError, OSError) as error:
                fitness.trouble = f"no sandbox: {error}"
                raise
            fitness.trouble = ""
            self.attempts = Attempts(config, sandbox, found, fitness, judge)
        return self.attempts


def _of_its_own() -> tuple[Config, Machine, Fitness]:
    config = Config.from_environment()
    return config, machine(config.data_dir), Fitness()


slot = _Slot()


@app.task(name=TASK)  # type: ignore[untyped-decorator]
def run(job: str) -> None:
    try:
        slot.open().run(job)
    finally:
        give_back_memory()


def give_back_memory() -> None:
    """The inputs of a timing are hundreds of megabytes, which the allocator would keep until the next one."""
    gc.collect()  # the timing had it off
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)


def settle() -> None:
    """Keep what is loaded by now as it is, in the main process before it forks and in its child.

    The collection after each job would go through all of it, which takes 10 ms, and write into every object,
    so that each process would soon have a copy of its own of the pages that both share: 10 MB.
    """
    give_back_memory()  # a first start compiles modules, and that leaves holes
    gc.freeze()


@app.task(name=CANARY)  # type: ignore[untyped-decorator]
def answer(canary: str) -> None:
    slot.open().answer(canary)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def open_early(**_: object) -> None:
    """Now rather than when the first job waits. A fault here is logged by Celery and met again by `run`."""
    slot.open()
    settle()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def close(**_: object) -> None:
    """Nothing of ours stays mounted. After one that was killed, whoever opens a slot next sees to that."""
    if slot.attempts is not None:
        slot.attempts.close()
