"""Where the judge itself runs while it measures, and what goes before what.

Not in charge of where guests run: `guests.measuring_cpus` says it, their control group holds them there.

Priorities: a guest comes before everything else on the CPU that measures, and so does the judge on its own
CPU while a call is timed: whoever took its place would be timed as well, a slice of 3 ms at a time. Between
the calls it stands back: what it does there can wait, and for a site on the same machine people wait. An
ordinary user may not ask for that and measures at the usual priority. Linux often divides the time between
sessions first (autogroups), and a nice value counts only inside one: then it is the session's that changes.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

from bench_runner.awake import Awake, awake
from bench_runner.guests import measuring_cpus

FIRST, BEHIND = -19, 12  # nice: a guest, and we in a timed call; we between the calls
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
        self._session: int | None = None  # descriptor of our SESSION while we measure
        self._between = b""  # what it says between the calls

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
        """Let the calling thread go before others."""
        usual = os.getpriority(os.PRIO_PROCESS, 0)
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, FIRST if self._apart else usual)
        if self._session is not None:
            os.write(self._session, b"%d" % FIRST)
        try:
            yield
        finally:
            if self._session is not None:
                os.write(self._session, self._between)
            os.setpriority(os.PRIO_PROCESS, 0, usual)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Keep us off the CPU that measures, and that awake; Python's collector out of the timed windows.

        And us behind others, but for where we are `first`.
        """
        before = os.sched_getaffinity(0)
        _move_all_threads(set(self._ours))
        collecting = gc.isenabled()
        gc.disable()
        try:
            with self._awake() as self._there, self._session_at_hand(), self._behind():
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
        return awake(self._theirs[-1], FIRST) if self._theirs and _session() else nullcontext()

    @contextmanager
    def _session_at_hand(self) -> Iterator[None]:
        """Open our SESSION, where there is one and we may change it as often as we like."""
        with ExitStack() as undo:
            said = _session() if self._apart and os.geteuid() == 0 else []
            if said:
                with suppress(OSError):
                    usual = int(said[-1])
                    if usual in (FIRST, BEHIND):  # a judge that was killed could not put it back
                        usual = 0
                    self._between = b"%d" % max(usual, BEHIND)
                    session = os.open(SESSION.format("self"), os.O_WRONLY | os.O_CLOEXEC)
                    undo.callback(os.close, session)
                    undo.callback(_write, session, b"%d" % usual)
                    for value in (b"%d" % FIRST, self._between):
                        os.write(session, value)  # whoever may not, or not so often, is told by the second
                    self._session = session
            try:
                yield
            finally:
                self._session = None

    @contextmanager
    def _behind(self) -> Iterator[None]:
        """Let others go before this thread, if it may come back."""
        usual = os.getpriority(os.PRIO_PROCESS, 0)
        if self._apart:
            with suppress(PermissionError):
                os.setpriority(os.PRIO_PROCESS, 0, FIRST)
                os.setpriority(os.PRIO_PROCESS, 0, max(usual, BEHIND))
        try:
            yield
        finally:
            os.setpriority(os.PRIO_PROCESS, 0, usual)


def _write(file: int, value: bytes) -> None:
    with suppress(OSError):
        os.write(file, value)


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
