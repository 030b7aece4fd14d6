"""Where the judge itself runs while it measures, and what goes before what.

Not in charge of where guests run: `guests.measuring_cpus` says it, their control group holds them there.

Priorities: a guest comes before everything else on the CPU that measures, and so does the judge on its own
CPU while a call is timed: whoever took its place would be timed as well, a slice of 3 ms at a time. Between
the calls it is one among many, and a site on the same machine goes on answering. For the calls its thread is
a real-time one rather than one of a very low nice value: of such a one Linux believes for tens of
milliseconds that it is owed time, whatever its nice value has become (EEVDF's lag, kept through changes of
weight), and pages took as long. An ordinary user may not ask for either and measures at the usual priority.
Linux often divides the time between sessions first (autogroups), and a nice value counts only inside one:
then the guest's session is put first as well.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from bench_runner.awake import Awake, awake
from bench_runner.guests import measuring_cpus

FIRST = -19  # nice, of guests
REAL_TIME = os.sched_param(1)  # the least: whatever else is real-time goes before it
HEEDED = "/proc/sys/kernel/sched_autogroup_enabled"
SESSION = "/proc/{}/autogroup"  # takes the nice value of a process's whole session


class Placement:
    """Made before `undisturbed`, which leaves us fewer CPUs to count."""

    def __init__(self, *, writes_near: bool = True) -> None:
        """`writes_near`: whether what a call reads is written on the CPU that measures."""
        self._writes_near = writes_near
        self._theirs, self._ours = measuring_cpus()
        self._apart = self._theirs is not None  # on a lone CPU whoever is first keeps the other from running
        self._there: Awake | None = None  # keeps the CPU that measures awake
        self._usual = os.sched_getscheduler(0), os.sched_getparam(0)

    def prefer(self, guest: int) -> None:
        """Let the guest with this process id, and all that it starts, go before others."""
        if self._apart:
            with suppress(PermissionError, ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, guest, FIRST)
            with suppress(OSError):
                if os.getsid(guest) != os.getsid(0):
                    Path(SESSION.format(guest)).write_text(str(FIRST))

    @contextmanager
    def first(self) -> Iterator[None]:
        """Let the calling thread, the one that made us, go before others."""
        if self._apart:
            with suppress(PermissionError):
                os.sched_setscheduler(0, os.SCHED_FIFO, REAL_TIME)
        try:
            yield
        finally:
            os.sched_setscheduler(0, *self._usual)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Keep us off the CPU that measures, and that awake; Python's collector out of the timed windows."""
        before = os.sched_getaffinity(0)
        _move_all_threads(set(self._ours))
        collecting = gc.isenabled()
        gc.disable()
        try:
            with self._awake() as self._there:
                yield
        finally:
            self._there = None
            if collecting:
                gc.enable()
            _move_all_threads(before)

    def near_guest(self, job: Callable[[], object]) -> None:
        """Do it on the CPU that measures, where that is kept awake: what it writes lies in its caches."""
        if self._there is None or not self._writes_near:
            job()
        else:
            self._there.do(job)

    def _awake(self) -> AbstractContextManager[Awake | None]:
        """Only where Linux divides the time between sessions first.

        Elsewhere a guest that has just had all of the CPU owes the spinning thread a share, and waits up to
        a slice of 3 ms when it wakes up, however little that thread weighs beside it (EEVDF's lag).
        """
        return awake(self._theirs[-1]) if self._theirs and _session() else nullcontext()


def _session() -> list[str]:
    """What our SESSION says, its nice value last: nothing where there is none, or none that is heeded."""
    try:
        if Path(HEEDED).read_text().strip() != "1" or not _in_root_group():
            return []
        return Path(SESSION.format("self")).read_text().split()
    except OSError:
        return []


def _in_root_group() -> bool:
    """Whether no control group of ours divides the CPU's time: where one does, sessions do not."""
    paths: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        paths |= dict.fromkeys(controllers.split(","), path)
    return paths.get("cpu", paths.get("", "/")) == "/"


def _move_all_threads(cpus: set[int]) -> None:
    for thread in os.listdir("/proc/self/task"):
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.sched_setaffinity(int(thread), cpus)
