"""Tensors in host memory, shared with the guest: sealed memfds, read where they lie.

Not in charge of freezing the guest, which is what makes reading the output in place sound (`channel.py`).
`watched.py` looks at what the comparison of the frozen output cannot see.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bench_runner import caches
from bench_runner.devices import base
from bench_runner.devices.base import Array, Shapes
from bench_runner.failure import Failed
from bench_runner.memory import Shared
from bench_runner.sandbox import Mount
from bench_runner.watched import GUARD, Watched, noise
from tasks.spec import Tensor

ALIGN = 64  # bytes; a cache line, and what NumPy and malloc give at least half of


@dataclass(frozen=True)
class _Place:
    """Where the tensors of a call lie: offsets for the guest, views for us. Made once, at bind."""

    offsets: dict[str, int]
    inputs: dict[str, Array]
    outputs: dict[str, Array]
    around: list[Array]  # bytes of each tensor with its guards
    watched: list[Watched]


class HostMemory:
    """Two sealed buffers of which the guest can write the second."""

    begin = staticmethod(time.perf_counter_ns)

    def __init__(self, tensors: Sequence[Tensor], input_bytes: int, output_bytes: int) -> None:
        self._tensors = tensors
        self._arenas = {
            "input": Shared("inputs", base.roomy(input_bytes, tensors, ALIGN), guest_writes=False),
            "output": Shared("outputs", base.roomy(output_bytes, tensors, ALIGN), guest_writes=True),
        }
        self._shapes: Shapes = {}
        self._places: list[_Place] = []
        self._payload = 0
        self._call: _Place | None = None
        self._watched: list[Watched] = []  # the outputs of the call that runs

    @property
    def fds(self) -> tuple[int, ...]:
        return tuple(arena.fd for arena in self._arenas.values())

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(arena.size for arena in self._arenas.values())

    def renew(self) -> None:
        for arena in self._arenas.values():
            arena.wipe()
        self._places, self._call, self._watched = [], None, []

    def bind(self, shapes: Shapes, places: int) -> list[dict[str, int]]:
        self._shapes = shapes
        self._places = [self._place() for _ in range(places)]
        return [place.offsets for place in self._places]

    def fill(self, place: int, inputs: Mapping[str, Array], where: str) -> None:
        call = self._call = self._places[place]
        self._payload = base.payload()
        beside = noise()
        for around in call.around:
            around[:GUARD] = around[-GUARD:] = beside
        for name, view in call.inputs.items():
            np.copyto(view, inputs[name])
        for view in call.outputs.values():
            poison(view, self._payload)
        for each in call.watched:
            each.expect(beside)
        self._watched = call.watched

    def chill(self) -> None:
        call = self._filled()
        caches.flush([*call.inputs.values(), *call.outputs.values()])

    def answered(self, end: int) -> int:
        for each in self._watched:
            each.look()
        return end

    def settle(self, where: str) -> None:
        """Frozen is frozen; memory is the group's business."""

    def outputs(self, where: str) -> dict[str, Array]:
        for each in self._watched:
            if each.guards_changed():
                raise Failed("wrote_outside", where=where, tensor=each.name)
            each.restore()
        return self._filled().outputs

    def snapshot_cost(self) -> float:
        return 0.0

    def unwritten(self, output: Array) -> npt.NDArray[np.bool_]:
        return base.untouched(output, self._payload)

    def close(self) -> None:
        for arena in self._arenas.values():
            arena.close()

    def _filled(self) -> _Place:
        if self._call is None:
            raise RuntimeError("no place has been filled")
        return self._call

    def _place(self) -> _Place:
        offsets: dict[str, int] = {}
        views: dict[str, dict[str, Array]] = {"input": {}, "output": {}}
        around: list[Array] = []
        watched: list[Watched] = []
        for role, arena in self._arenas.items():
            tensors = [tensor for tensor in self._tensors if tensor.role == role]
            sizes = [base.bytes_of(tensor, self._shapes) for tensor in tensors]
            starts = base.spread(sizes, arena.size, ALIGN)
            for tensor, size, start in zip(tensors, sizes, starts, strict=True):
                offsets[tensor.name] = start
                raw = arena.bytes[start : start + size]
                view = raw.view(tensor.dtype).reshape(self._shapes[tensor.name])
                views[role][tensor.name] = view
                around.append(arena.bytes[start - GUARD : start + size + GUARD])
                if role == "output":
                    watched.append(Watched(tensor.name, view, around[-1]))
        return _Place(offsets, views["input"], views["output"], around, watched)


class Host:
    """The device of every class whose submissions run on the processor."""

    mounts: Sequence[Mount] = ()
    environment: Mapping[str, str] = MappingProxyType({})

    def memory(self, tensors: Sequence[Tensor], input_bytes: int, output_bytes: int) -> HostMemory:
        return HostMemory(tensors, input_bytes, output_bytes)

    def examine(self) -> None:
        """What a process does to host memory ends with it."""

    def slowed(self) -> list[str]:
        """A processor does not say; `noise.py` watches its pace."""
        return []

    def conditions(self) -> dict[str, Any]:
        """`fingerprint.conditions` has them."""
        return {}

    def close(self) -> None:
        """Nothing is shared."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def poison(output: Array, payload: int) -> None:
    """Fill with a quiet NaN that carries `payload`."""
    base.bits(output).fill(base.poison_bits(output.dtype, payload))
