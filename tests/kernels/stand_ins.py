"""What stands in for a CUDA card, so that everything up to it is run without one: arrays that pass for
CuPy's, a driver that writes down what it is told, and one that computes it on the processor (emulator/).
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import math
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from kernels.registry import Cuda, Operator
from kernels.toolchain import cc, launch, nvrtc
from tests.kernels.trying import Trial, judge, outputs, placed

EMULATOR = Path(__file__).parent / "emulator"
CAN_EMULATE = shutil.which("g++") is not None and platform.machine() == "x86_64"
FLAGS = ["-std=gnu++17", "-O1", "-w", "-fPIC", "-shared", "-fno-strict-aliasing", "-ffp-contract=off"]


class Array(np.ndarray):
    """Memory of this machine that passes for a card's."""

    @property
    def data(self) -> Any:
        return SimpleNamespace(ptr=self.ctypes.data)

    @property
    def device(self) -> Any:
        return SimpleNamespace(id=0)


Array.__module__ = "cupy"


class Phantom:
    """An array with an address, but without memory: of any size."""

    next_address = 1 << 40

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.ndim, self.size, self.itemsize = len(shape), math.prod(shape), self.dtype.itemsize
        self.nbytes = self.size * self.itemsize
        self.strides = tuple(math.prod(shape[i + 1 :]) * self.itemsize for i in range(len(shape)))
        self.flags = SimpleNamespace(c_contiguous=True)
        self.data = SimpleNamespace(ptr=Phantom.next_address)
        self.device = SimpleNamespace(id=0)
        Phantom.next_address += self.nbytes // 512 * 512 + 1024

    def reshape(self, *shape: int) -> Phantom:
        found = Phantom(shape, self.dtype)
        found.data = self.data
        return found


Phantom.__module__ = "cupy"


@dataclass
class Launched:
    """A kernel that was started."""

    source: Path
    arch: str
    symbol: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    shared: int
    arguments: tuple[Any, ...]


@dataclass
class Recorder:
    """Writes down what the card is told; makes phantoms."""

    of: tuple[int, int] = (9, 0)
    widest: int | None = None  # grids are cut off there
    launched: list[Launched] = field(default_factory=list)
    made: list[Any] = field(default_factory=list)

    def device(self) -> int:
        return 0

    def capability(self) -> tuple[int, int]:
        return self.of

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        self.made.append(self.array(shape, dtype))
        return self.made[-1]

    def array(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return Phantom(shape, dtype)

    def function(self, source: Path, arch: str, symbol: str, shared: int) -> launch.Function:
        def start(grid: Any, block: Any, arguments: tuple[Any, ...], shared: int) -> None:
            self.launched.append(Launched(source, arch, symbol, grid, block, shared, arguments))
            self.run(self.launched[-1])

        return start

    def run(self, what: Launched) -> None:
        """Nothing is computed."""


@dataclass
class Emulated(Recorder):
    """Computes on the processor, with the threads of a block in ascending or descending order."""

    descending: bool = False

    def array(self, shape: tuple[int, ...], dtype: Any) -> Any:
        found = np.empty(math.prod(shape) + 64, dtype)
        found.view(np.uint8)[...] = 0xFF
        first = -found.ctypes.data % 64 // found.itemsize
        return found[first : first + math.prod(shape)].reshape(shape).view(Array)

    def run(self, what: Launched) -> None:
        library = emulated(what.source)
        whole = [int(each) for each in what.arguments if not isinstance(each, np.floating)]
        real = [float(each) for each in what.arguments if isinstance(each, np.floating)]
        message = library.emulate(
            ctypes.cast(getattr(library, what.symbol), ctypes.c_void_p),
            (ctypes.c_uint * 3)(min(what.grid[0], self.widest or what.grid[0]), *what.grid[1:]),
            (ctypes.c_uint * 3)(*what.block),
            ctypes.c_size_t(what.shared),
            (ctypes.c_longlong * 32)(*(each - (each >> 63 << 64) for each in whole)),
            len(whole),
            (ctypes.c_double * 8)(*real),
            len(real),
            int(self.descending),
        )
        assert not message, f"{what.symbol} {what.grid} {what.block}: {message.decode()}"


@contextmanager
def in_place(driver: Recorder, *operators: Operator) -> Iterator[Recorder]:
    """Launch through this driver; plans of these operators are forgotten before and after."""
    launch.set_driver(driver)
    for operator in operators:
        operator.plans.clear()
    try:
        yield driver
    finally:
        launch.set_driver(None)
        for operator in operators:
            operator.plans.clear()


def record(trial: Trial, version: str) -> tuple[Recorder, list[Any]]:
    """What a card is told in a trial, and the arrays in the order of the schema."""
    with in_place(Recorder(), trial.operator) as driver:
        inputs = [None if each is None else Phantom(each.shape, each.dtype) for each in trial.inputs()]
        found = trial.call(inputs, None, version)
    return driver, [*inputs, *found[: len(trial.operator.schema.outputs)]]


@functools.cache
def emulated(source: Path) -> ctypes.CDLL:
    """A .cu file as a library of this machine; kept in the cache of compiled kernels."""
    headers = [EMULATOR / "emulator.h", *sorted(EMULATOR.glob("*.cuh")), *sorted(nvrtc.INCLUDE.glob("*.cuh"))]
    content = b"\0".join(
        each.read_bytes() for each in [source, *headers, *sorted(source.parent.glob("*.cuh"))]
    )
    digest = hashlib.sha256(content + " ".join(FLAGS).encode()).hexdigest()[:20]
    path = cc.cache() / f"emulated-{source.parent.name}-{source.stem}-{digest}.so"
    if not path.is_file():
        private = path.with_suffix(f".{id(path)}.tmp")
        done = subprocess.run(
            ["g++", *FLAGS, *includes(source), "-x", "c++", str(source), "-o", str(private)],
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        private.replace(path)
    library = ctypes.CDLL(str(path))
    library.emulate.restype = ctypes.c_char_p
    return library


def includes(source: Path) -> list[str]:
    """The emulator's headers go before the device's."""
    folders = (EMULATOR, nvrtc.INCLUDE, source.parent)
    return ["-include", str(EMULATOR / "emulator.h"), *(f"-I{each}" for each in folders)]


@functools.cache
def parameters(source: Path) -> dict[str, list[tuple[str, str]]]:
    """(type, name) of every kernel's parameters, from the preprocessed source."""
    text = subprocess.run(
        ["g++", "-std=gnu++17", "-E", "-P", *includes(source), "-x", "c++", str(source)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    found = {}
    for name, inside in re.findall(r'extern "C"[^;{}]*?void (\w+) ?\(([^)]*)\)', text):
        pairs = [re.fullmatch(r"(.*?)(\w+)", " ".join(each.split())) for each in inside.split(",")]
        found[name] = [(pair[1].strip(), pair[2]) for pair in pairs if pair]
    return found


def emulate(trial: Trial, version: str, offset: int | None = 0, **how: Any) -> tuple[Any, ...]:
    """A trial on the emulator, its arrays between canaries."""
    inputs = [None if each is None else placed(each, offset) for each in trial.inputs()]
    outs = outputs(trial)
    if offset is not None:
        outs = [each and type(each)(each.array.shape, each.array.dtype, offset) for each in outs]
        for each in outs:
            if each is not None:
                each.memory[each.begin : each.end] = 0xFF
    before = [None if each is None else each.memory.copy() for each in inputs]
    with in_place(Emulated(**how), trial.operator):
        given = tuple(None if each is None else each.array.view(Array) for each in outs) if outs else None
        found = trial.call([None if e is None else e.array.view(Array) for e in inputs], given, version)
    for each in [*inputs, *outs]:
        assert each is None or each.intact(), "bytes outside the arrays were written to"
    for array, each, was in zip(trial.operator.schema.inputs, inputs, before, strict=True):
        if each is not None and was is not None and not array.update:
            assert bytes(each.memory) == bytes(was), f"the input {array.name} was written to"
    return tuple(None if each is None else np.asarray(each).view(np.ndarray) for each in found)


def as_taken(trial: Trial, version: str) -> Trial:
    """The trial with inputs that a version rounds no further."""
    coarse = any(isinstance(e, Cuda) and e.by_name and e.name == version for e in trial.operator.versions)
    return replace(trial, coarse=coarse)


def faults(trial: Trial, version: str, offset: int | None = 0, **how: Any) -> list[str]:
    """What is wrong with a CUDA version on a trial, in words."""
    trial = as_taken(trial, version)
    try:
        judge(trial, emulate(trial, version, offset, **how))
    except AssertionError as wrong:
        return [f"{trial} {version}: {wrong}"]
    return []
