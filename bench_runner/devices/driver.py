"""The CUDA driver by ctypes: one context on one card, its memory, its kernels, one stream, a watchdog.

Not in charge of what the memory is for (`cuda.py`) nor of what a card is (`card.py`). No CuPy and no toolkit
here: libcuda.so.1 comes with the driver. Whatever fails raises DriverError with CUDA's name for it.

Theory of operation. Everything goes to one stream, in order. `wait` looks at the stream again and again
instead of sleeping in it: being woken up would cost more than a short kernel takes, and a card that never
answers must not hold us for ever (`PATIENCE_SECONDS`). What guests see is memory made by `cuMemCreate`, which
is exported as a file descriptor; what only we see is ordinary memory of the context, of which no handle
exists.
"""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bench_runner.devices.kit import DRIVER

PATIENCE_SECONDS = 20.0  # for work of our own, which takes milliseconds
NOT_READY = 600  # CUDA_ERROR_NOT_READY
PINNED, LOCATION_DEVICE, POSIX_DESCRIPTOR = 1, 1, 1  # CU_MEM_ALLOCATION_TYPE_…, …_LOCATION_TYPE_…, …_HANDLE_…
READ_WRITE = 3
SPIN = 1  # CU_CTX_SCHED_SPIN
NON_BLOCKING = 1
ATTRIBUTES = {
    "major": 75, "minor": 76, "processors": 16, "l2_bytes": 38, "virtual_memory": 102, "descriptors": 103,
}  # fmt: skip
NEEDED = {  # …_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, …_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED
    "virtual_memory": "virtual memory management",
    "descriptors": "memory that is handed on as a file descriptor",
}
NAME_BYTES = 16

Bytes = npt.NDArray[np.uint8]
Address = int


class DriverError(Exception):
    """A call of the driver failed."""

    def __init__(self, call: str, status: int, name: str) -> None:
        super().__init__(f"{call}: {name} ({status})")
        self.status = status


class NotSupported(DriverError):
    """The card, or the way in which it is rented, lacks what guests need to see our memory."""

    def __init__(self, lacking: str) -> None:
        super().__init__("cuDeviceGetAttribute", 801, f"no {lacking} here, which judging on a card needs")


class NoAnswer(DriverError):
    """The card has not finished work of ours that takes milliseconds."""

    def __init__(self) -> None:
        super().__init__("cuStreamQuery", NOT_READY, f"no end after {PATIENCE_SECONDS:.0f} s")


class Location(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("id", ctypes.c_int))


class AllocationFlags(ctypes.Structure):
    _fields_ = (
        ("compression", ctypes.c_ubyte),
        ("rdma", ctypes.c_ubyte),
        ("usage", ctypes.c_ushort),
        ("reserved", ctypes.c_ubyte * 4),
    )


class AllocationProperties(ctypes.Structure):
    """CUmemAllocationProp."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("handle_types", ctypes.c_int),
        ("location", Location),
        ("win32", ctypes.c_void_p),
        ("flags", AllocationFlags),
    )


class Access(ctypes.Structure):
    """CUmemAccessDesc."""

    _fields_ = (("location", Location), ("flags", ctypes.c_int))


@dataclass(frozen=True)
class SharedMemory:
    """Memory of the card that others can map by its descriptor."""

    address: Address
    size: int
    handle: int
    fd: int


class Context:
    """The primary context of one card, and all that we do on it."""

    def __init__(self, uuid: str = "") -> None:
        """`uuid`: of the card, as NVML gives it; empty: the first.

        Raises:
            DriverError: there is no such card, or it does not answer.
            NotSupported: its memory cannot be handed to a guest.
            OSError: there is no driver.
        """
        if uuid:
            os.environ["CUDA_VISIBLE_DEVICES"] = uuid  # read by cuInit; then the card is number 0
        self._library = ctypes.CDLL(DRIVER)
        self._device, context, self._stream = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cuInit", ctypes.c_uint(0))
        self._call("cuDeviceGet", ctypes.byref(self._device), 0)
        if lacking := [words for name, words in NEEDED.items() if not self.attribute(name)]:
            raise NotSupported(" and no ".join(lacking))
        self._call("cuDevicePrimaryCtxSetFlags_v2", self._device, ctypes.c_uint(SPIN))
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self._device)
        self._call("cuCtxSetCurrent", context)
        self._call("cuStreamCreate", ctypes.byref(self._stream), ctypes.c_uint(NON_BLOCKING))
        self._kernels: dict[str, ctypes.c_void_p] = {}

    def close(self) -> None:
        """Give the context back; what is still allocated in it is freed by the driver."""
        self._call("cuStreamDestroy_v2", self._stream)
        self._call("cuDevicePrimaryCtxRelease_v2", self._device)

    def reset(self) -> None:
        """Destroy the context with all that is in it, whatever state it is in."""
        self._call("cuDevicePrimaryCtxReset_v2", self._device)

    def attribute(self, name: str) -> int:
        value = ctypes.c_int()
        self._call("cuDeviceGetAttribute", ctypes.byref(value), ATTRIBUTES[name], self._device)
        return value.value

    def free_memory(self) -> int:
        """Bytes of the card that nobody uses."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    # --- memory that guests see

    def share(self, size: int) -> SharedMemory:
        """At least `size` bytes, mapped here for reading and writing, and their descriptor."""
        wanted = AllocationProperties(
            type=PINNED, handle_types=POSIX_DESCRIPTOR, location=Location(LOCATION_DEVICE, self._device.value)
        )
        grain, handle, fd = ctypes.c_size_t(), ctypes.c_uint64(), ctypes.c_int(-1)
        minimum = ctypes.c_int(0)
        self._call("cuMemGetAllocationGranularity", ctypes.byref(grain), ctypes.byref(wanted), minimum)
        size = -(-size // grain.value) * grain.value
        none = ctypes.c_uint64(0)
        self._call("cuMemCreate", ctypes.byref(handle), ctypes.c_size_t(size), ctypes.byref(wanted), none)
        self._call("cuMemExportToShareableHandle", ctypes.byref(fd), handle, POSIX_DESCRIPTOR, none)
        os.set_inheritable(fd.value, False)  # it goes to guests by name, to nobody by accident
        address = ctypes.c_uint64()
        word = ctypes.c_size_t
        self._call("cuMemAddressReserve", ctypes.byref(address), word(size), word(0), none, none)
        self._call("cuMemMap", address, word(size), word(0), handle, none)
        access = Access(Location(LOCATION_DEVICE, self._device.value), READ_WRITE)
        self._call("cuMemSetAccess", address, word(size), ctypes.byref(access), word(1))
        return SharedMemory(address.value, size, handle.value, fd.value)

    def unshare(self, memory: SharedMemory) -> None:
        os.close(memory.fd)
        address, size = ctypes.c_uint64(memory.address), ctypes.c_size_t(memory.size)
        self._call("cuMemUnmap", address, size)
        self._call("cuMemAddressFree", address, size)
        self._call("cuMemRelease", ctypes.c_uint64(memory.handle))

    # --- memory that nobody else sees

    def allocate(self, size: int) -> Address:
        address = ctypes.c_uint64()
        self._call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(max(size, 1)))
        return address.value

    def free(self, address: Address) -> None:
        self._call("cuMemFree_v2", ctypes.c_uint64(address))

    def write(self, address: Address, data: npt.NDArray[Any]) -> None:
        """From the host, in order with all else; `data` may be changed when this returns."""
        if data.nbytes:
            self._call(
                "cuMemcpyHtoDAsync_v2", ctypes.c_uint64(address), ctypes.c_void_p(data.ctypes.data),
                ctypes.c_size_t(data.nbytes), self._stream,
            )  # fmt: skip
            self.wait()

    def read(self, data: npt.NDArray[Any], address: Address) -> None:
        """To the host; waits for it."""
        if data.nbytes:
            self._call(
                "cuMemcpyDtoHAsync_v2", ctypes.c_void_p(data.ctypes.data), ctypes.c_uint64(address),
                ctypes.c_size_t(data.nbytes), self._stream,
            )  # fmt: skip
            self.wait()

    def copy(self, to: Address, source: Address, size: int) -> None:
        """On the card; does not wait."""
        if size:
            words = (ctypes.c_uint64(to), ctypes.c_uint64(source), ctypes.c_size_t(size))
            self._call("cuMemcpyDtoDAsync_v2", *words, self._stream)

    def clear(self, address: Address, size: int) -> None:
        """Zeros; does not wait."""
        if size:
            words = (ctypes.c_uint64(address), ctypes.c_ubyte(0), ctypes.c_size_t(size))
            self._call("cuMemsetD8Async", *words, self._stream)

    # --- work

    def load(self, cubin: bytes, names: list[str]) -> None:
        """Make kernels of a cubin known by their names."""
        module = ctypes.c_void_p()
        self._call("cuModuleLoadData", ctypes.byref(module), ctypes.c_char_p(cubin))
        for name in names:
            found = ctypes.c_void_p()
            self._call("cuModuleGetFunction", ctypes.byref(found), module, name.encode())
            self._kernels[name] = found

    def launch(self, name: str, grid: int, block: int, *arguments: Any, shared: int = 0) -> None:
        """Start a kernel with arguments of ctypes' types; does not wait."""
        given = (ctypes.c_void_p * (len(arguments) + 1))(*map(ctypes.addressof, arguments))
        sizes = (ctypes.c_uint(each) for each in (grid, 1, 1, block, 1, 1, shared))
        self._call("cuLaunchKernel", self._kernels[name], *sizes, self._stream, given, None)

    def allow_shared(self, name: str, size: int) -> None:
        """Let blocks of a kernel have so many bytes of shared memory."""
        self._call("cuFuncSetAttribute", self._kernels[name], 8, size)

    def forget_kept_lines(self) -> None:
        """Nothing of the second-level cache stays set aside for anybody."""
        self._call("cuCtxResetPersistingL2Cache")

    def wait(self) -> None:
        """Until all of it has ended.

        Raises:
            NoAnswer: it does not end.
        """
        query, stream = self._library.cuStreamQuery, self._stream
        status = query(stream)
        if status == NOT_READY:
            until = time.perf_counter() + PATIENCE_SECONDS
            while (status := query(stream)) == NOT_READY:
                if time.perf_counter() > until:
                    raise NoAnswer
        if status:
            self._raise("cuStreamQuery", status)

    def _call(self, name: str, *arguments: Any) -> None:
        try:
            function = getattr(self._library, name)
        except AttributeError:
            raise DriverError(name, 0, "this driver is older than CUDA 11.2, which is needed") from None
        if status := function(*arguments):
            self._raise(name, status)

    def _raise(self, name: str, status: int) -> None:
        words = ctypes.c_char_p()
        self._library.cuGetErrorName(status, ctypes.byref(words))
        raise DriverError(name, status, (words.value or b"unknown error").decode())
