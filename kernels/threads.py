"""How many threads a CPU kernel may use: `KERNELS_NUM_THREADS`, else every processor this process may run on.

For a fixed number of threads every kernel gives the same bits again.

Threads do not survive `fork()`, but the memory of them does, and waiting for them hangs. So a child
that is forked after a kernel was loaded computes in one thread and cannot have more; one that is started by
`spawn` or `forkserver` can.
"""

from __future__ import annotations

import ctypes
import operator
import os

from kernels.errors import BadArgument

VARIABLE = "KERNELS_NUM_THREADS"
MOST = 1024


def set_num_threads(count: int) -> None:
    """From the next call on, use `count` threads at most.

    Raises:
        BadArgument: not a whole number from 1 to 1024, or more than 1 in a child forked from a process that
            had loaded kernels.
    """
    try:
        whole = operator.index(count)
    except TypeError:
        whole = 0
    if not 1 <= whole <= MOST:
        raise BadArgument(f"set_num_threads: {count!r:.60} given; a whole number from 1 to {MOST} is needed")
    if _orphaned and whole > 1:
        raise BadArgument(
            f"set_num_threads: {whole} given, but this process was forked from one that had loaded kernels, "
            "whose threads it lacks; 1 is allowed. Cure: the start method spawn or forkserver"
        )
    _count.value = whole


def get_num_threads() -> int:
    """The number of threads that a CPU kernel may use."""
    return _count.value


def in_use() -> None:
    """A kernel is being loaded: from now on a fork leaves its threads behind."""
    global _loaded
    _loaded = True


def _from_environment() -> int:
    given = os.environ.get(VARIABLE, "").strip()
    if not given:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not (given.isascii() and given.isdecimal()) or not 1 <= int(given) <= MOST:
        raise BadArgument(
            f"{VARIABLE} is {given!r:.60}; set it to a whole number from 1 to {MOST}, or unset it"
        )
    return int(given)


def _after_fork() -> None:
    global _orphaned
    if _loaded:
        _orphaned = True
        _count.value = 1


_loaded = _orphaned = False
_count = ctypes.c_int(_from_environment())
ADDRESS = ctypes.addressof(_count)  # kernels read it when they are called
os.register_at_fork(after_in_child=_after_fork)
