"""The memory that the tensors of a call lie in: what the channel asks of a device, and what devices share.

Not in charge of turns, clock and freezing (`channel.py`), nor of what the tensors hold (`pool.py`).

Theory of operation. A side has two arenas, one for inputs and one for outputs, larger than its largest call.
A case is bound to SLOTS places at once, each with addresses of its own. A call goes: `fill` one place, take
the time of `begin`, let the guest run, hand the time of its answer to `answered`, freeze the guest, read
`outputs`. What counts as the output, and when the window closes, is the device's to say: in host memory the
guest is frozen and the output read where it lies; a card cannot be frozen, so there the window closes when
the parent holds the output in a copy of its own.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

import ml_dtypes  # noqa: F401 - with it NumPy knows bfloat16 by its name
import numpy as np
import numpy.typing as npt

from bench_runner.sandbox import Mount
from bench_runner.watched import GUARD
from tasks.spec import Tensor

Array = npt.NDArray[np.generic]
Shapes = Mapping[str, tuple[int, ...]]

# Dtype → its quiet NaN, and the bits in which that may carry something.
NANS = {
    "bfloat16": (0x7FC0, 0x3F),
    "float16": (0x7E00, 0x1FF),
    "float32": (0x7FC00000, 0xFFFF),
    "float64": (0x7FF8000000000000, 0xFFFF),
}

_random = random.SystemRandom()


class Memory(Protocol):
    """The arenas of one side, used by one guest after another."""

    def begin(self) -> int:
        """`perf_counter_ns`, when "go" is next: the window is open from here on."""

    @property
    def fds(self) -> tuple[int, ...]:
        """What the guest maps: the arena of inputs, the arena of outputs."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Their bytes."""

    def renew(self) -> None:
        """Make ready for a new process: nothing is left of what an earlier one had or was shown."""

    def bind(self, shapes: Shapes, places: int) -> list[dict[str, int]]:
        """Until the next bind, tensors have these shapes; gives each place's offsets in the arenas."""

    def fill(self, place: int, inputs: Mapping[str, Array], where: str) -> None:
        """Write the inputs there and poison the outputs.

        Raises:
            Failed: something of a guest runs meanwhile.
        """

    def chill(self) -> None:
        """Put the place that was filled last out of every cache."""

    def answered(self, end: int) -> int:
        """The answer was seen at `end`: the output now is what counts. Gives the end of the window."""

    def settle(self, where: str) -> None:
        """The guest has been frozen after a turn of any kind.

        Raises:
            Failed: something of it still runs, or it keeps more memory than it may.
        """

    def outputs(self, where: str) -> dict[str, Array]:
        """The outputs of the call, on the host, to be read before the next `fill`.

        Raises:
            Failed: something beside an output was changed, or an input.
        """

    def snapshot_cost(self) -> float:
        """Seconds that closing the window adds to every call bound now, of either side."""

    def unwritten(self, output: Array) -> npt.NDArray[np.bool_]:
        """Which elements of an output of the last call still hold its poison, bit for bit."""

    def close(self) -> None: ...


class Device(Protocol):
    """Makes the memory of sides, and holds what they share."""

    @property
    def mounts(self) -> Sequence[Mount]:
        """What a guest needs to reach it."""

    @property
    def environment(self) -> Mapping[str, str]:
        """… and is told."""

    def memory(self, tensors: Sequence[Tensor], input_bytes: int, output_bytes: int) -> Memory:
        """Arenas with room for calls of so many bytes, and some more."""

    def examine(self) -> None:
        """A submission has failed: is the device still fit for work?

        Raises:
            CardUnhealthy: it is not.
        """

    def slowed(self) -> list[str]:
        """Why it runs slower than it should, if it says so."""

    def conditions(self) -> dict[str, Any]:
        """How it is doing at this moment; goes with every result."""

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def roomy(needed: int, tensors: Sequence[Tensor], align: int) -> int:
    """An arena in which addresses can differ from call to call by more than a few pages."""
    return needed + max(needed // 2, 1 << 18) + (align + 2 * max(GUARD, align)) * (len(tensors) + 1)


def spread(sizes: Sequence[int], arena: int, align: int) -> list[int]:
    """Where tensors of these sizes begin: in order, the free room spread at random between them."""
    free = (arena - sum(_guarded(size, align) for size in sizes)) // align
    starts, at = [], 0
    for size, gap in zip(sizes, _gaps(free, len(sizes)), strict=True):
        at += gap * align
        starts.append(at + max(GUARD, align))
        at += _guarded(size, align)
    return starts


def bytes_of(tensor: Tensor, shapes: Shapes) -> int:
    return int(np.prod(shapes[tensor.name], dtype=np.int64)) * np.dtype(tensor.dtype).itemsize


def payload() -> int:
    """What a poison carries, so that "never written" can be told from a NaN that was computed."""
    return _random.getrandbits(16) | 1


def elements(size: int, count: int) -> npt.NDArray[np.int64]:
    """`count` random places in a tensor of `size` elements, with repetition."""
    drawn = np.frombuffer(os.urandom(8 * count), np.uint64)
    return (drawn % np.uint64(size)).view(np.int64)


def poison_bits(dtype: np.dtype[Any], payload: int) -> int:
    """A quiet NaN of this type that carries `payload`, or as much of it as fits."""
    nan, room = NANS[dtype.name]
    return nan | (payload & room) | 1


def bits(output: Array) -> npt.NDArray[Any]:
    return output.view(f"u{output.dtype.itemsize}")


def untouched(output: Array, payload: int) -> npt.NDArray[np.bool_]:
    """Which elements still hold the poison that carries `payload`."""
    return np.asarray(bits(output) == poison_bits(output.dtype, payload))


def _guarded(size: int, align: int) -> int:
    """What a tensor takes of its arena."""
    return -(-size // align) * align + 2 * max(GUARD, align)


def _gaps(free: int, count: int) -> list[int]:
    """`count` random steps that use up at most `free`."""
    cuts = sorted(_random.randrange(free + 1) for _ in range(count))
    return [cut - before for before, cut in zip([0, *cuts], cuts, strict=False)]
