"""A card as the guest sees it: its context, the parent's memory mapped into it, the end of what was started.

Not in charge of the submission's own use of the card; streams, modules and memory are its business. Standard
library only. Everything here may be overwritten by a submission, which gains nothing: the parent takes the
output out of the card itself, whatever the guest says.
"""

from __future__ import annotations

import ctypes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

POSIX_DESCRIPTOR = 1  # CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR
LOCATION_DEVICE = 1
SPIN = 1  # CU_CTX_SCHED_SPIN: being woken up would take longer than a short kernel
READ, READ_WRITE = 1, 3  # CU_MEM_ACCESS_FLAGS_PROT_…
PROT_WRITE = 2  # as in mmap


class Access(ctypes.Structure):
    """CUmemAccessDesc."""

    _fields_ = (("location", ctypes.c_int), ("device", ctypes.c_int), ("flags", ctypes.c_int))


class Card:
    """The one card that the sandbox shows, with its primary context, which CuPy uses too."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL("libcuda.so.1")
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self.check("cuInit", ctypes.c_uint(0))
        self.check("cuDeviceGet", ctypes.byref(device), 0)
        self.check("cuDevicePrimaryCtxSetFlags_v2", device, ctypes.c_uint(SPIN))
        self.check("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self.check("cuCtxSetCurrent", context)
        self.device = device.value

    def check(self, name: str, *arguments: object) -> None:
        status = getattr(self.library, name)(*arguments)
        if status:
            words = ctypes.c_char_p()
            self.library.cuGetErrorName(status, ctypes.byref(words))
            raise RuntimeError(f"{name}: {(words.value or b'unknown error').decode()} ({status})")

    def map(self, fd: int, size: int, protection: int) -> int:
        """The address of an arena on the card. The descriptor is closed: only memory crosses the border."""
        handle, address, none = ctypes.c_uint64(), ctypes.c_uint64(), ctypes.c_uint64(0)
        word, descriptor = ctypes.c_size_t, ctypes.c_void_p(fd)
        self.check("cuMemImportFromShareableHandle", ctypes.byref(handle), descriptor, POSIX_DESCRIPTOR)
        self.check("cuMemAddressReserve", ctypes.byref(address), word(size), word(0), none, none)
        self.check("cuMemMap", address, word(size), word(0), handle, none)
        try:
            self.allow(address, size, READ_WRITE if protection & PROT_WRITE else READ)
        except RuntimeError:  # some drivers know no memory that is for reading only; ours is rewritten anyway
            self.allow(address, size, READ_WRITE)
        self.check("cuMemRelease", handle)  # the mapping keeps the memory
        os.close(fd)
        return address.value

    def allow(self, address: ctypes.c_uint64, size: int, flags: int) -> None:
        access = Access(LOCATION_DEVICE, self.device, flags)
        self.check("cuMemSetAccess", address, ctypes.c_size_t(size), ctypes.byref(access), ctypes.c_size_t(1))

    def finish(self, call: Callable[[], object]) -> None:
        """Call, then wait for all that was started on any stream; the window is open until then."""
        call()
        self.check("cuCtxSynchronize")
