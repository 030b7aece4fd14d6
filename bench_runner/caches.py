"""Put the tensors of a call out of every cache, for tasks that are timed cold.

Not in charge of which tasks are (`[speed] cache` in task.toml) nor of when (`channel.py`).

`clflush` evicts a line from the caches of all processors, by its physical address: it does not matter that
the guest knows the memory under another address. It is no privileged instruction, and Python has no way to
say it, so these bytes are the one piece of machine code of the judge:

    again: clflush [rdi];  add rdi, 64;  cmp rdi, rsi;  jb again;  mfence;  ret

Streaming through a large buffer instead would need twice the last cache of the host, hundreds of megabytes,
before every call, and would prove nothing on a virtual machine that shares it.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import platform
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from bench_runner.failure import fault

_X86_64 = bytes.fromhex("0fae3f 4883c740 4839f7 72f4 0faef0 c3")
LINE = 64


def flush(arrays: Iterable[npt.NDArray[np.generic]]) -> None:
    """Afterwards no cache of any processor holds a line of these arrays.

    Raises:
        InfrastructureFault: this machine has no such instruction, or lets nobody map code.
    """
    evict = _routine()
    for array in arrays:
        start = array.ctypes.data
        if array.nbytes:
            evict(start - start % LINE, start + array.nbytes)


@functools.cache
def _routine() -> Callable[[int, int], None]:
    if platform.machine() not in ("x86_64", "AMD64"):
        fault("no_cold_cache", detail=f"{platform.machine()} is not x86-64")
    try:
        code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError as error:
        fault("no_cold_cache", detail=f"memory for code is refused: {error}")
    code.write(_X86_64)
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    routine = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(address)

    def evict(start: int, end: int, code: mmap.mmap = code) -> None:  # holds the mapping as long as itself
        routine(start, end)

    return evict
