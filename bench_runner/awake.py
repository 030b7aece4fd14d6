"""Keep the CPU that measures awake between two calls.

Not in charge of who runs where (`placement.py`).

Theory of operation. While a guest is frozen, its CPU has nothing to do and halts. To wake it takes a virtual
machine's host from 5 to 150 µs, by chance, and all of it lies inside the timed window: it was nine tenths of
the variance of calls of 90 µs. So a thread of ours spins there. At SCHED_IDLE anybody else goes before it at
once, a guest most of all. It spins in the C library, on a lock that we hold, without the interpreter's: it
touches one cache line, and it ends with our process, however that ends.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_libc = ctypes.CDLL(None)


@contextmanager
def awake(cpu: int) -> Iterator[None]:
    """Inside, `cpu` never halts. Where we may not run there, or not behind others, nothing is done."""
    lock = ctypes.c_int()
    _libc.pthread_spin_init(ctypes.byref(lock), 0)
    _libc.pthread_spin_lock(ctypes.byref(lock))
    thread = threading.Thread(target=_spin, args=(cpu, lock), name="awake", daemon=True)
    thread.start()
    try:
        yield
    finally:
        _libc.pthread_spin_unlock(ctypes.byref(lock))
        thread.join()


def _spin(cpu: int, lock: ctypes.c_int) -> None:
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        os.sched_setaffinity(0, {cpu})
        _libc.pthread_spin_lock(ctypes.byref(lock))  # until it is unlocked; ctypes lets other threads run
