"""Which cards this machine has, and how each is doing: NVML by ctypes, read and never set.

Not in charge of using a card (`driver.py`, `cuda.py`). Without a driver there are no cards, and nothing here
raises. What a card does not tell (a rented one often hides power or ECC) is left out.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_runner.devices import kit
from tasks import cuda

LIBRARY = "libnvidia-ml.so.1"
TEXT_BYTES = 96
# Words of a product name that say nothing about speed, or that every card of a kind shares.
SILENT = re.compile(r"nvidia|geforce|tesla|\d+gb|hbm\d\w*|sxm\d?|generation|gpu")
# CUDA's architectures of which code for `a` is the better one.
SPECIFIC = ((9, 0), (10, 0), (10, 3), (12, 0))
CLOCKS = {"sm_mhz": 1, "memory_mhz": 2}
# Reasons for a lower clock that make a measurement worthless: the card or its supply was too hot or too weak.
SLOWED = {0x08: "hardware slowdown", 0x20: "heat", 0x40: "heat, by hardware", 0x80: "power brake"}
XID_EVENT = 8
# What a program does to itself; every other number is the card's own trouble.
XIDS_OF_PROGRAMS = frozenset({13, 31, 32, 43, 45, 68, 69})
INSTALL = (
    "install NVIDIA's driver (`apt-get install nvidia-driver-580-server`); in a container use NVIDIA's "
    "container toolkit: `docker run --gpus all`, or the compose profile `gpu`"
)
LOAD = "run `modprobe nvidia`; in a container set NVIDIA_DRIVER_CAPABILITIES=compute,utility"
OPEN = "run `nvidia-modprobe -u -c 0`, then `chmod 666 /dev/nvidia*`"
UNCORRECTED, SINCE_BOOT = 1, 0


@dataclass(frozen=True)
class Card:
    index: int
    minor: int  # its node is /dev/nvidia<minor>
    uuid: str
    name: str
    memory_bytes: int
    capability: tuple[int, int]
    driver: str
    mig: bool = False  # a slice of a card

    @property
    def hardware_class(self) -> str:
        """`gpu-h100`, `gpu-a100-pcie`, `gpu-rtx-4090`, `gpu-h100-mig-1g.10gb`."""
        words = re.split(r"[\s-]+", self.name.lower())
        return "-".join(["gpu", *(word for word in words if word and not SILENT.fullmatch(word))])

    @property
    def arch(self) -> str:
        """What is compiled for it."""
        suffix = "a" if self.capability in SPECIFIC else ""
        return f"sm_{self.capability[0]}{self.capability[1]}{suffix}"

    def describe(self) -> dict[str, Any]:
        """What does not change while the worker runs."""
        return {
            "card": self.name,
            "card_memory_bytes": self.memory_bytes,
            "card_driver": self.driver,
            "capability": f"{self.capability[0]}.{self.capability[1]}",
            "mig": self.mig,
        }


@dataclass(frozen=True)
class Finding:
    """One thing that a worker on a card needs."""

    name: str
    ok: bool
    words: str
    cure: str
    needed: bool = True


class Nvml:
    """The library, opened once per process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(LIBRARY)
        if self._library.nvmlInit_v2():
            raise OSError(f"{LIBRARY} does not start: the driver is not loaded")

    def read(self, name: str, of: Any, kind: Any, *before: Any) -> Any:
        """One value of this ctypes type, or None where the card does not tell."""
        value = kind()
        function = getattr(self._library, name, None)
        if function is None or function(of, *before, ctypes.byref(value)):
            return None
        return value

    def number(self, name: str, of: Any, *before: Any, kind: Any = ctypes.c_uint) -> int | None:
        value = self.read(name, of, kind, *before)
        return None if value is None else int(value.value)

    def text(self, name: str, *of: Any) -> str:
        buffer = ctypes.create_string_buffer(TEXT_BYTES)
        failed = getattr(self._library, name)(*of, buffer, ctypes.c_uint(TEXT_BYTES))
        return "" if failed else buffer.value.decode(errors="replace")

    def handle(self, index: int) -> Any:
        found = ctypes.c_void_p()
        failed = self._library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(found))
        return None if failed else found

    def by_uuid(self, uuid: str) -> Any:
        found = ctypes.c_void_p()
        return None if self._library.nvmlDeviceGetHandleByUUID(uuid.encode(), ctypes.byref(found)) else found

    def count(self) -> int:
        count = ctypes.c_uint()
        return 0 if self._library.nvmlDeviceGetCount_v2(ctypes.byref(count)) else count.value

    def slices(self, handle: Any) -> list[Any]:
        """The slices of a card that is divided; nothing of one that is not."""
        now, pending = ctypes.c_uint(), ctypes.c_uint()
        mode = getattr(self._library, "nvmlDeviceGetMigMode", None)
        if mode is None or mode(handle, ctypes.byref(now), ctypes.byref(pending)) or not now.value:
            return []
        most = self.number("nvmlDeviceGetMaxMigDeviceCount", handle) or 0
        found = (
            self.read("nvmlDeviceGetMigDeviceHandleByIndex", handle, ctypes.c_void_p, ctypes.c_uint(i))
            for i in range(most)
        )
        return [each for each in found if each is not None]


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class _Event(ctypes.Structure):
    _fields_ = (
        ("device", ctypes.c_void_p),
        ("type", ctypes.c_ulonglong),
        ("data", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


@functools.cache
def nvml() -> Nvml | None:
    """None without a driver."""
    try:
        return Nvml()
    except OSError:
        return None


def cards() -> list[Card]:
    """Every card, or slice of one, that this process may use."""
    library = nvml()
    if library is None:
        return []
    return [card for index in range(library.count()) for card in _at(library, index)]


def _at(library: Nvml, index: int) -> Iterator[Card]:
    handle = library.handle(index)
    if handle is None:
        return
    major, minor = ctypes.c_int(), ctypes.c_int()
    library._library.nvmlDeviceGetCudaComputeCapability(handle, ctypes.byref(major), ctypes.byref(minor))
    node = library.number("nvmlDeviceGetMinorNumber", handle)
    driver = library.text("nvmlSystemGetDriverVersion")
    slices = library.slices(handle)
    for each in slices or [handle]:
        memory = library.read("nvmlDeviceGetMemoryInfo", each, _Memory)
        yield Card(
            index=index,
            minor=index if node is None else node,
            uuid=library.text("nvmlDeviceGetUUID", each),
            name=library.text("nvmlDeviceGetName", each),
            memory_bytes=memory.total if memory else 0,
            capability=(major.value, minor.value),
            driver=driver,
            mig=bool(slices),
        )


def conditions(card: Card) -> dict[str, Any]:
    """How the card is doing at this moment; taken with each result."""
    library = nvml()
    handle = library.by_uuid(card.uuid) if library else None
    if library is None or handle is None:
        return {}
    found: dict[str, Any] = {
        name: library.number("nvmlDeviceGetClockInfo", handle, ctypes.c_uint(which))
        for name, which in CLOCKS.items()
    }
    milliwatts = library.number("nvmlDeviceGetPowerUsage", handle)
    limit = library.number("nvmlDeviceGetEnforcedPowerLimit", handle)
    found |= {
        "watts": milliwatts and round(milliwatts / 1000, 1),
        "watts_limit": limit and round(limit / 1000, 1),
        "celsius": library.number("nvmlDeviceGetTemperature", handle, ctypes.c_uint(0)),
        "slowed_by": ", ".join(slowed(card)),
        "ecc_uncorrected": library.number(
            "nvmlDeviceGetTotalEccErrors", handle, UNCORRECTED, SINCE_BOOT, kind=ctypes.c_ulonglong
        ),
    }
    return {name: value for name, value in found.items() if value not in (None, "")}


def slowed(card: Card) -> list[str]:
    """Why the card runs slower than it should, if it does."""
    library = nvml()
    handle = library.by_uuid(card.uuid) if library else None
    if library is None or handle is None:
        return []
    why = library.number("nvmlDeviceGetCurrentClocksThrottleReasons", handle, kind=ctypes.c_ulonglong) or 0
    return [words for bit, words in SLOWED.items() if why & bit]


class Xids:
    """Errors that the card reports of itself (Xid), from now on."""

    def __init__(self, card: Card) -> None:
        self._events = ctypes.c_void_p()
        found = nvml()
        handle = found.by_uuid(card.uuid) if found else None
        self._library = found._library if found and handle is not None else None
        if self._library is not None:
            self._library.nvmlEventSetCreate(ctypes.byref(self._events))
            wanted = ctypes.c_ulonglong(XID_EVENT)
            if self._library.nvmlDeviceRegisterEvents(handle, wanted, self._events):
                self._library = None  # this card reports none

    def seen(self) -> list[int]:
        """Their numbers since the last look."""
        numbers: list[int] = []
        event = _Event()
        while self._library is not None:
            if self._library.nvmlEventSetWait_v2(self._events, ctypes.byref(event), ctypes.c_uint(0)):
                break
            numbers.append(int(event.data))
        return numbers

    def close(self) -> None:
        if self._library is not None:
            self._library.nvmlEventSetFree(self._events)
            self._library = None


def missing(card: Card | None = None) -> list[Finding]:
    """What a worker on a card needs, each with its cure."""
    library, packages = kit.driver_library(), "run `pip install -e '.[gpu]'` in the checkout"
    nodes = [Path("/dev", name) for name in (f"nvidia{card.minor if card else 0}", "nvidiactl", "nvidia-uvm")]
    closed = ", ".join(str(node) for node in nodes if not os.access(node, os.R_OK | os.W_OK))
    has_cupy = importlib.util.find_spec("cupy") is not None
    return [
        Finding("driver", library is not None, str(library or f"{kit.DRIVER} not found"), INSTALL),
        Finding(
            "NVML", nvml() is not None, LIBRARY if nvml() else f"{LIBRARY} not found or not loaded", LOAD
        ),
        Finding("device nodes", not closed, f"missing or closed: {closed}" if closed else "open", OPEN),
        Finding("CUDA compiler", cuda.version() != "none", cuda.version(), packages),
        Finding(
            "Triton",
            kit.has_triton(),
            "found" if kit.has_triton() else "not installed: its jobs are given back",
            "run `pip install triton torch` in the checkout's environment, if a task allows Triton",
            needed=False,
        ),
        Finding("CuPy", has_cupy, "found" if has_cupy else "not installed", packages, needed=False),
    ]
