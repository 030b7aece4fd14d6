"""One measurement at a time on a machine, however many workers it has: two that time at once disturb each
other.

Not in charge of other programs on the machine (`noise.py` watches those). A file lock: it goes with its
process.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench_runner.failure import Cancelled
from bench_runner.sandbox.slots import LOCK_FLAGS, run_folder

LOOK_SECONDS = 0.1


@contextmanager
def measuring_turn(cancelled: Callable[[], bool]) -> Iterator[None]:
    """Wait until no other worker here measures, then keep the others from it.

    Raises:
        Cancelled: nobody wants the measurement any more.
    """
    lock = os.open(run_folder() / "measuring.lock", LOCK_FLAGS, 0o600)
    try:
        while not _taken(lock):
            if cancelled():
                raise Cancelled
            time.sleep(LOOK_SECONDS)
        yield
    finally:
        os.close(lock)


@contextmanager
def card_turn(uuid: str, go_on: Callable[[], None]) -> Iterator[None]:
    """Wait until nobody here uses this card, then keep the others from it. `go_on` raises to give up."""
    lock = os.open(run_folder() / f"card-{uuid or 'only'}.lock", LOCK_FLAGS, 0o600)
    try:
        while not _taken(lock):
            go_on()
            time.sleep(LOOK_SECONDS)
        yield
    finally:
        os.close(lock)


def somebody_measures() -> bool:
    lock = os.open(run_folder() / "measuring.lock", LOCK_FLAGS, 0o600)
    try:
        return not _taken(lock)
    finally:
        os.close(lock)


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
