"""CUDA kernels onto the card: a version's cubin loaded, its arguments packed, its steps started in order.

Arguments are eight bytes each: the addresses of the arrays in the order of the schema (0 for one that is
absent), the dimensions and whole-number attributes as int64, real attributes as float64, the address of the
scratch memory last where the plan asks for some. All steps go to CuPy's current stream; nothing waits for
them.

Kernels read 16 bytes at a time, so an array that does not begin on such a border (a view from its second
element on) is copied to one, and what is written to it is copied back.

bfloat16 arrays are CuPy's with the dtype of ml_dtypes, as NumPy's are.

What a card is asked to do goes through `Driver`: CuPy's here; the tests put one in its place that writes down
what it is told, and one that computes it on the processor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from kernels import arrays
from kernels.errors import BadArgument, NoVersion
from kernels.registry import Cuda, Operator, Step
from kernels.schema import Dims, Shape
from kernels.toolchain import nvrtc

FREE_SHARED = 48 << 10  # bytes of dynamic shared memory that need no permission
BORDER = 16

Function = Callable[[tuple[int, int, int], tuple[int, int, int], tuple[Any, ...], int], None]


class Driver(Protocol):
    """What the launcher needs of a card."""

    def device(self) -> int:
        """The number of the current device."""

    def capability(self) -> tuple[int, int]:
        """Its compute capability: (9, 0)."""

    def empty(self, shape: Shape, dtype: np.dtype[Any]) -> Any:
        """A new array on it."""

    def function(self, source: Path, arch: str, symbol: str, shared: int) -> Function:
        """A kernel, callable with grid, block, arguments and the bytes of dynamic shared memory."""


class CupyDriver:
    """The card, through CuPy."""

    def __init__(self) -> None:
        import cupy

        self.cupy = cupy
        self.modules: dict[tuple[int, Path], Any] = {}

    def device(self) -> int:
        return int(self.cupy.cuda.runtime.getDevice())

    def capability(self) -> tuple[int, int]:
        digits = self.cupy.cuda.Device().compute_capability
        return int(digits[:-1]), int(digits[-1])

    def empty(self, shape: Shape, dtype: np.dtype[Any]) -> Any:
        return self.cupy.empty(shape, dtype)

    def function(self, source: Path, arch: str, symbol: str, shared: int) -> Function:
        path = nvrtc.compile_source(source, arch).path
        key = self.device(), path
        if key not in self.modules:
            self.modules[key] = self.cupy.RawModule(path=str(path))
        found = self.modules[key].get_function(symbol)
        if shared > FREE_SHARED:
            found.max_dynamic_shared_size_bytes = shared

        def start(
            grid: tuple[int, int, int], block: tuple[int, int, int], arguments: tuple[Any, ...], bytes_: int
        ) -> None:
            found(grid, block, arguments, shared_mem=bytes_)

        return start


_driver: Driver | None = None


def driver() -> Driver:
    """The one in use: CuPy's, unless another has been set."""
    global _driver
    if _driver is None:
        _driver = CupyDriver()
    return _driver


def set_driver(other: Driver | None) -> None:
    """Put another in its place; None for CuPy's again."""
    global _driver
    _driver = other


def arch_for(archs: Sequence[str], capability: tuple[int, int]) -> str | None:
    """The best of the architectures a version is compiled for that such a card runs."""
    major, minor = capability
    found = []
    for arch in archs:
        digits = arch.removeprefix("sm_").rstrip("a")
        of = int(digits[:-1]), int(digits[-1])
        if of == capability or (of[0] == major and of[1] <= minor and not arch.endswith("a")):
            found.append((of, arch.endswith("a"), arch))
    return max(found)[2] if found else None


class Launcher:
    """A version made ready for one set of dimensions and attributes.

    Raises:
        NoVersion: it is not compiled for this card.
        BuildFailed: see `nvrtc.py`.
    """

    def __init__(
        self,
        operator: Operator,
        version: Cuda,
        dtypes: str,
        dims: Dims,
        scalars: tuple[int | float, ...],
    ) -> None:
        self.operator, self.version = operator, version
        schema = operator.schema
        names = (*schema.dimensions(), *(each.name for each in schema.attributes))
        plan = version.plan({**dims, **dict(zip(names, scalars, strict=True))}, dtypes)
        self.steps, self.scratch = plan.steps, plan.scratch
        self.symbol = operator.symbol(version, dtypes)
        self.numbers = tuple(
            np.float64(each) if isinstance(each, float) else np.int64(each) for each in scalars
        )
        self.ready: dict[int, list[tuple[Step, Function]]] = {}  # by device

    def empty(self, shape: Shape, dtype: np.dtype[Any]) -> Any:
        return driver().empty(shape, dtype)

    def launch(self, operands: Sequence[Any]) -> None:
        """Start every step with these arrays; None for one that is absent.

        Raises:
            BadArgument: an array is on another device than the current one.
        """
        card = driver()
        device = card.device()
        steps = self.ready.get(device)
        if steps is None:
            steps = self.ready[device] = self._load(card)
        for array in operands:
            if array is not None and array.device.id != device:
                raise BadArgument(
                    f"{self.operator.name}: an array is on device {array.device.id}, but the current one is "
                    f"{device}: `with cupy.cuda.Device({array.device.id}):` makes it the current one"
                )
        operands, back = self._on_borders(card, operands)
        pointers = tuple(np.uint64(0 if each is None else arrays.pointer(each)) for each in operands)
        arguments = (*pointers, *self.numbers)
        if self.scratch:
            memory = card.empty((self.scratch,), np.dtype(np.uint8))
            arguments = (*arguments, np.uint64(arrays.pointer(memory)))
        for step, function in steps:
            function(step.grid, step.block, arguments, step.shared)
        for array, copy in back:
            array[...] = copy

    def _on_borders(self, card: Driver, operands: Sequence[Any]) -> tuple[list[Any], list[tuple[Any, Any]]]:
        """The arrays, those between borders replaced by copies, and what of those is to be copied back."""
        found, back = list(operands), []
        for i, array in enumerate(operands):
            if array is None or array.size == 0 or arrays.pointer(array) % BORDER == 0:
                continue
            found[i] = card.empty(array.shape, array.dtype)
            written = i >= len(self.operator.schema.inputs)
            if not written:
                found[i][...] = array
            if written or self.operator.schema.inputs[i].update:
                back.append((array, found[i]))
        return found, back

    def _load(self, card: Driver) -> list[tuple[Step, Function]]:
        capability = card.capability()
        arch = arch_for(self.version.archs, capability)
        if arch is None:
            raise NoVersion(
                f"{self.operator.name}: {self.version.name} is compiled for {', '.join(self.version.archs)}; "
                f"this card has compute capability {capability[0]}.{capability[1]}"
            )
        source = self.operator.folder / self.version.file
        return [
            (step, card.function(source, arch, self.symbol + step.suffix, step.shared)) for step in self.steps
        ]
