"""How calls of one layout are made, once they have been checked.

Where a compiled kernel takes the arrays as they are, `call.py` enters it at once. Else a strided or
misaligned input is copied into a contiguous one; an output that is strided or misaligned, or that overlaps
an input where the operator cannot work in place, is computed apart and copied over. Inputs are never
written to, unless the schema says `update`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from kernels import arrays as layout
from kernels.compiled import Block, Enter
from kernels.errors import BadArgument, KernelError
from kernels.registry import Cuda, Operator
from kernels.schema import FAULTS, Dims, Shape

Made = tuple[Shape, np.dtype[Any]] | None  # an output to allocate; None for one that is not wanted


class Plan:
    """Calls made by NumPy code: the oracle, in the dtype of the call.

    Attributes:
        enter, start: what to call with the arrays as they are, and its first argument; None if they have to
        be
            looked at or copied first.
        alone: there is one output, which is returned as it is, not in a tuple.
    """

    enter: Enter | None = None
    start = 0

    def __init__(
        self,
        operator: Operator,
        made: tuple[Made, ...],
        copied: tuple[int, ...],
        attributes: tuple[Any, ...] = (),
    ) -> None:
        self.operator = operator
        self.made = made
        self.copied = copied  # inputs that are not contiguous
        self.attributes = attributes
        self.nothing = bool(made) and all(each is None or 0 in each[0] for each in made)
        self.alone = len(made) == 1

    def new(self) -> tuple[Any, ...]:
        """Arrays for the outputs."""
        return tuple([None if each is None else self.empty(*each) for each in self.made])

    def empty(self, shape: Shape, dtype: np.dtype[Any]) -> Any:
        return np.empty(shape, dtype)

    def execute(self, inputs: tuple[Any, ...], outs: tuple[Any, ...]) -> None:
        """Compute into `outs`, with all care.

        Raises:
            BadArgument: an array to write to is read-only, misaligned, or overlaps another.
        """
        self._check_written(inputs, outs)
        inputs = tuple(
            each.copy(order="C") if each is not None and self._to_copy(i, each) else each
            for i, each in enumerate(inputs)
        )
        targets = [
            self.empty(out.shape, out.dtype) if out is not None and self._apart(i, out, inputs) else out
            for i, out in enumerate(outs)
        ]
        if not self.nothing:
            self.compute(inputs, targets)
        for target, out in zip(targets, outs, strict=True):
            if target is not out:
                out[...] = target

    def compute(self, inputs: Sequence[Any], targets: Sequence[Any]) -> None:
        """Contiguous arrays into contiguous ones that overlap only where the operator can work in place."""
        found = self.operator.oracle(*inputs, *self.attributes)
        results = found if isinstance(found, tuple) else (found,) if targets else ()
        for target, value in zip(targets, results, strict=True):
            if target is not None:
                target[...] = value

    def fail(self, fault: int) -> NoReturn:
        """Put what a kernel returned into words.

        Raises:
            BadArgument, KernelError: always.
        """
        kind = BadArgument if fault == 2 else KernelError
        raise kind(f"{self.operator.name}: {FAULTS.get(fault, f'the kernel returned {fault}')}")

    def _to_copy(self, i: int, array: Any) -> bool:
        return i in self.copied or not layout.aligned(array)

    def _apart(self, i: int, out: Any, inputs: Sequence[Any]) -> bool:
        """Whether an output cannot be computed where it is to be."""
        if not out.flags.c_contiguous or not layout.aligned(out):
            return True
        in_place = self.operator.schema.in_place and i == 0
        return any(
            layout.overlap(each, out) and not (in_place and j == 0 and _same(each, out))
            for j, each in enumerate(inputs)
            if each is not None
        )

    def _check_written(self, inputs: Sequence[Any], outs: Sequence[Any]) -> None:
        schema = self.operator.schema
        named = [
            *((array.name, value, array.update) for array, value in zip(schema.inputs, inputs, strict=True)),
            *((f"out ({a.name})", value, True) for a, value in zip(schema.outputs, outs, strict=True)),
        ]
        present = [(i, *each) for i, each in enumerate(named) if each[1] is not None]
        for i, name, value, written in present:
            if not written:
                continue
            if not layout.writable(value):
                raise BadArgument(f"{self.operator.name}: {name} is read-only, but is written to")
            update = i < len(inputs)
            if update and not layout.aligned(value):
                where, size = layout.pointer(value), value.itemsize
                raise BadArgument(
                    f"{self.operator.name}: {name} begins at address {where:#x}, but is updated in place: "
                    f"a multiple of {size} is needed"
                )
            for j, other_name, other, other_written in present:
                both = (update or (other_written and j >= len(inputs))) and j != i
                if both and layout.overlap(value, other):
                    raise BadArgument(f"{self.operator.name}: {name} and {other_name} overlap")


def _same(a: Any, b: Any) -> bool:
    return layout.pointer(a) == layout.pointer(b) and a.nbytes == b.nbytes


class CpuPlan(Plan):
    """… made by a compiled function."""

    def __init__(self, *about: Any, enter: Enter, block: Block, direct: bool) -> None:
        super().__init__(*about)
        self.block, self.start = block, ctypes.addressof(block)
        self.compiled = enter
        self.enter = enter if direct else None

    def compute(self, inputs: Sequence[Any], targets: Sequence[Any]) -> None:
        fault = self.compiled(self.start, *inputs, *targets)
        if fault:
            self.fail(fault)


class CudaPlan(Plan):
    """… made by kernels on a CUDA device."""

    def __init__(
        self, *about: Any, version: Cuda, dtypes: str, dims: Dims, scalars: tuple[int | float, ...]
    ) -> None:
        super().__init__(*about)
        from kernels.toolchain import launch

        self.launcher = launch.Launcher(self.operator, version, dtypes, dims, scalars)

    def empty(self, shape: Shape, dtype: np.dtype[Any]) -> Any:
        return self.launcher.empty(shape, dtype)

    def compute(self, inputs: Sequence[Any], targets: Sequence[Any]) -> None:
        self.launcher.launch([*inputs, *targets])
