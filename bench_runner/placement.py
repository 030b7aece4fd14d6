"""Where the judge itself runs while it measures, and what goes before what.

Not in charge of where guests run: `guests.measuring_cpus` says it, their control group holds them there.

Priorities: a guest comes before everything else on the CPU that measures, the judge before most of the rest
on its own, but so that a site on the same machine goes on answering. An ordinary user may not ask for that
and measures at the usual priority.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bench_runner.guests import measuring_cpus

GUEST_NICE = -19
JUDGE_NICE = -5  # three quarters of a CPU that one other program wants as well


def prefer(guest: int) -> None:
    """Let the guest with this process id, and all that it starts, go before others; not on a lone CPU."""
    if measuring_cpus()[0] is not None:
        with suppress(PermissionError, ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, guest, GUEST_NICE)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep us off the CPU that measures, and Python's collector out of the timed windows."""
    before, nice = os.sched_getaffinity(0), os.getpriority(os.PRIO_PROCESS, 0)
    _, ours = measuring_cpus()
    _move_all_threads(set(ours))
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, JUDGE_NICE)
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
        _move_all_threads(before)
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, nice)


def _move_all_threads(cpus: set[int]) -> None:
    for thread in os.listdir("/proc/self/task"):
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.sched_setaffinity(int(thread), cpus)
