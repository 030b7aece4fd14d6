"""Keep the CPU that measures awake between two calls, and write there what a call will read.

Not in charge of who runs where (`placement.py`).

Theory of operation. While a guest is frozen, its CPU has nothing to do and halts. To wake it takes a virtual
machine's host from 5 to 150 µs, by chance, and all of it lies inside the timed window: it was nine tenths of
the variance of calls of 90 µs. So a thread of ours spins there. At SCHED_IDLE anybody else goes before it at
once, a guest most of all. It spins in the C library, on a lock that we hold, without the interpreter's: it
touches one cache line, and it ends with our process, however that ends.

The same thread writes a call's inputs and poison, so that they lie in the caches of the CPU that will read
them; for that it is a real-time one. Written on another CPU they had to be fetched from there inside the
timed window. How far that is, the host decides by where it puts our CPUs, anew every few seconds: for 4 MiB
a call of 200 µs took between nothing and 240 µs more. A second thread on that CPU would not do: while one of
two sleeps there, Linux (6.18) lets a guest that wakes up wait behind the other for a slice of 3 ms and more.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_libc = ctypes.CDLL(None)  # lets other threads run meanwhile
_holding = ctypes.PyDLL(None)  # does not: whoever opens a gate is at his own before the other goes on


class Awake:
    """A thread of ours on another CPU, which spins or does what it is given.

    We change its priority, it never does: behind others it might be long in asking for another.
    """

    def __init__(self, cpu: int) -> None:
        self._go, self._done = _Gate(), _Gate()
        self._job: Callable[[], object] | None = None
        self._failure: BaseException | None = None
        self._is_there = self._may_work = False
        begun = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(cpu, begun), name="awake", daemon=True)
        self._thread.start()
        begun.wait()
        if self._is_there:
            self._let_go_first(others=True)
            with suppress(PermissionError):  # an ordinary user may put it behind others but not back
                self._let_go_first(others=False)
                self._let_go_first(others=True)
                self._may_work = True

    def do(self, job: Callable[[], object]) -> None:
        """Call `job` on that CPU, or here where we may not go first there. Raises what it raises."""
        if not self._may_work:
            job()
            return
        self._job, self._failure = job, None
        self._let_go_first(others=False)
        self._go.open()
        self._done.pass_through()
        self._let_go_first(others=True)
        self._job = None
        if self._failure is not None:
            raise self._failure

    def end(self) -> None:
        self._job = None
        self._go.open()
        self._thread.join()

    def _run(self, cpu: int, begun: threading.Event) -> None:
        with suppress(OSError):
            os.sched_setaffinity(0, {cpu})
            self._is_there = True
        begun.set()
        if not self._is_there:
            return
        while True:
            self._go.pass_through()
            if self._job is None:
                return
            try:
                self._job()
            except BaseException as failure:  # noqa: BLE001 - it is raised where it was asked for
                self._failure = failure
            self._done.open()

    def _let_go_first(self, *, others: bool) -> None:
        policy, priority = (os.SCHED_IDLE, 0) if others else (os.SCHED_FIFO, 1)
        os.sched_setscheduler(self._thread.native_id or 0, policy, os.sched_param(priority))


class _Gate:
    """Closed until somebody opens it; closes behind whoever passes. Waiting is spinning, in C."""

    def __init__(self) -> None:
        self._lock = ctypes.c_int()
        _libc.pthread_spin_init(ctypes.byref(self._lock), 0)
        self.pass_through()

    def open(self) -> None:
        _holding.pthread_spin_unlock(ctypes.byref(self._lock))

    def pass_through(self) -> None:
        _libc.pthread_spin_lock(ctypes.byref(self._lock))


@contextmanager
def awake(cpu: int) -> Iterator[Awake]:
    """Inside, `cpu` never halts. Where we may not run there, or not behind others, nothing is done."""
    thread = Awake(cpu)
    try:
        yield thread
    finally:
        thread.end()
