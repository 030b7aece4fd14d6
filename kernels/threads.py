"""How many threads a CPU kernel may use: `KERNELS_NUM_THREADS`, else every processor this process may run on.

For a fixed number of threads every kernel gives the same bits again.
"""

from __future__ import annotations

import os

from kernels.errors import BadArgument

VARIABLE = "KERNELS_NUM_THREADS"


def set_num_threads(count: int) -> None:
    """From the next call on, use `count` threads at most.

    Raises:
        BadArgument: not a positive whole number.
    """
    global _count
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise BadArgument(f"set_num_threads: {count!r} given; a whole number from 1 up is needed")
    _count = count


def get_num_threads() -> int:
    """The number of threads that a CPU kernel may use."""
    return _count


def _from_environment() -> int:
    given = os.environ.get(VARIABLE, "").strip()
    if not given:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not given.isdecimal() or int(given) < 1:
        raise BadArgument(f"{VARIABLE} is {given!r}; set it to a whole number from 1 up, or unset it")
    return int(given)


_count = _from_environment()
