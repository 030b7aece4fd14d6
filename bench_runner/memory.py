"""Sealed shared memory: what the parent owns and a guest may look at or fill.

Not in charge of what is in it (`channel.py`).

A buffer is a memfd that the parent maps read-write *before* it is sealed. Sealing the size keeps a guest from
truncating it, which would kill the parent with SIGBUS; sealing future writes makes an input read-only for
every mapping and write that comes after the parent's own.
"""

from __future__ import annotations

import fcntl
import mmap
import os

import numpy as np
import numpy.typing as npt

F_SEAL_FUTURE_WRITE = 0x10  # not named by Python 3.11's fcntl
_SIZE = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
PAGE = mmap.PAGESIZE

Bytes = npt.NDArray[np.uint8]


class Shared:
    """One buffer. `bytes` is the parent's writable view; `fd` goes to the guest."""

    def __init__(self, name: str, size: int, *, guest_writes: bool) -> None:
        self.size = -(-size // PAGE) * PAGE
        self.fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.fd, self.size)
        self._map = mmap.mmap(self.fd, self.size)
        self.bytes: Bytes = np.frombuffer(self._map, dtype=np.uint8)
        seals = _SIZE if guest_writes else _SIZE | F_SEAL_FUTURE_WRITE
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, seals | fcntl.F_SEAL_SEAL)
        self.wipe()

    def wipe(self) -> None:
        """Zero everything. Also makes the pages ours: the guest's memory limit is not charged for them."""
        self.bytes.fill(0)

    def words(self) -> memoryview:
        """The buffer as 64-bit words: the quickest thing to read in a spinning loop."""
        return memoryview(self._map).cast("Q")

    def close(self) -> None:
        """Give the memory back; where somebody still holds a view of it, with the last of those."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            del self.bytes, self._map
