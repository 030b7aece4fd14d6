"""The driver of a card that is not there: built once, used by the judge in this process and by its guests."""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from bench_runner.devices import cuda, driver
from bench_runner.devices.card import Card

HERE = Path(__file__).parent
FIELDS = ("used", "busy_pid", "broken", "wrong", "launches", "copies", "cannot_share")
CARD = Card(0, 0, "", "Stand-in", 8 << 30, (9, 0), "0")


class State(ctypes.Structure):
    """What all processes with the stand-in share; a test may change it."""

    _fields_ = tuple((name, ctypes.c_uint64) for name in FIELDS)


class Driver:
    """The library of this process, and what it saw."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "libcuda.so.1"
        command = ["gcc", "-O1", "-shared", "-fPIC", "-o", self.path, HERE / "standin.c", "-ldl"]
        subprocess.run(command, check=True, timeout=60)
        os.environ["STANDIN_STATE"] = str(folder / "state")
        library = ctypes.CDLL(str(self.path))
        library.cuInit(0)
        library.standin_state.restype = ctypes.POINTER(State)
        library.standin_live.restype = ctypes.c_uint64
        library.standin_said.restype = ctypes.c_char_p
        self._library = library
        self.state: State = library.standin_state().contents

    @property
    def live(self) -> int:
        """Reservations, mappings, allocations and handles that have not been given back."""
        return int(self._library.standin_live())

    @property
    def said(self) -> str:
        """Why it refused the last call that it refused."""
        return bytes(self._library.standin_said()).decode()

    def environment(self) -> dict[str, str]:
        """For guests: they find it under the name of the real one, and a CuPy to match."""
        return {
            **os.environ, "LD_LIBRARY_PATH": str(self.folder), "PYTHONPATH": str(HERE / "packages"),
        }  # fmt: skip


@cache
def built() -> Driver:
    folder = tempfile.mkdtemp(prefix="touchstone-standin-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Driver(Path(folder))


@contextmanager
def card(quota: int = 1 << 30) -> Iterator[tuple[Driver, cuda.Cuda]]:
    """A device on the stand-in; afterwards nothing of it may be left."""
    found = built()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver, "DRIVER", str(found.path))
        ctypes.memset(ctypes.addressof(found.state), 0, ctypes.sizeof(State))
        before = found.live
        with cuda.Cuda(CARD, quota) as device:
            yield found, device
        assert found.live - before <= 1, (
            "memory of the card was not given back"
        )  # 1: where caches are evicted
