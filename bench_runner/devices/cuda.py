"""Tensors on a card: owned by us, mapped by the guest, taken out of the card before the window closes.

Not in charge of the driver (`driver.py`) nor of which card (`card.py`).

Theory of operation. Both arenas are memory that we made and that the guest maps by descriptor. Beside them
lie a copy of the inputs and a snapshot of the outputs, of which no handle leaves this process. Stopping a
guest's processes does not stop the card, so what freezing does in host memory is done here by other means:

* The window opens before the inputs are complete. A few elements of each hold values from elsewhere until
  the clock runs, so that work which waits on the card for its inputs to arrive begins with the wrong ones.
* The window closes when we hold the output: at the answer it is copied into the snapshot, and the time ends
  when that has ended. What had not been written by then is still poison; what was, was paid for. Copying
  takes both sides the same time, which `snapshot_seconds` tells. An empty call has all of it but the bytes.
* After each turn, and before inputs are written, a kernel of ours that does nothing is timed. Cards give
  their time to one context after the other, so it takes far longer while anything of a guest runs or polls.
* The memory that a guest took is what was free before its turns and is not after them.

Comparison, guards and answers are on the host, where no kernel reaches. A guest could write its inputs: they
are compared with our copy after each call, and written anew before the next.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np
import numpy.typing as npt

from bench_runner.devices import base, card, kit
from bench_runner.devices.base import Array, Shapes
from bench_runner.devices.card import XIDS_OF_PROGRAMS, Card, Xids
from bench_runner.devices.driver import Address, Context, DriverError
from bench_runner.errors import CardUnhealthy
from bench_runner.failure import Failed, fault
from bench_runner.watched import GUARD, noise
from tasks import cuda
from tasks.spec import Tensor

ALIGN = 256  # bytes, as cudaMalloc gives
LATE = 64  # elements of each input that become right only when the clock runs
SMALL_BYTES = 1 << 16  # for tables and noise
CONTEXTS_BYTES = 2 << 30  # what contexts of guests may take beside a task's device_memory_mb
PROBES = 50
IDLE_MAJORITY = 4
IDLE_FACTOR, IDLE_SECONDS = 10.0, 100e-6  # a kernel that does nothing takes no longer on an idle card
KNOWN_COUNT, KNOWN_ROUNDS = 1 << 16, 64

SOURCE = Path(__file__).with_name("kernels.cu")
KERNELS = ["poison2", "poison4", "poison8", "move_few", "differ", "evict", "nothing", "known"]
BLOCK, MOST_BLOCKS = 256, 4096


@dataclass(frozen=True)
class _Span:
    """A tensor of a call: its bytes in an arena, without its guards."""

    tensor: Tensor
    shape: tuple[int, ...]
    start: int
    size: int


class Cuda:
    """One card for one job."""

    def __init__(self, card: Card, quota: int) -> None:
        """`quota`: bytes that a guest may take beside the arenas.

        Raises:
            CardUnhealthy: it does not answer as a card should.
        """
        self.card, self.quota = card, quota
        self.mounts, self.environment = kit.guest_mounts(card.minor), kit.guest_environment(card.uuid)
        self._xids = Xids(card)
        self._scratch = 0
        try:
            self.context = Context(card.uuid)
            self.context.load(kernels(card.arch), KERNELS)
            self._compute_what_is_known()
            self._usual = min(self.probe() for _ in range(PROBES))
        except (DriverError, OSError) as error:
            raise CardUnhealthy(str(error)) from error

    def memory(self, tensors: Sequence[Tensor], input_bytes: int, output_bytes: int) -> CudaMemory:
        return CudaMemory(self, tensors, input_bytes, output_bytes)

    def slowed(self) -> list[str]:
        return card.slowed(self.card)

    def conditions(self) -> dict[str, Any]:
        return card.conditions(self.card)

    def close(self) -> None:
        self._xids.close()
        with contextlib.suppress(DriverError):  # whoever opens it next looks at its health
            self.context.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def probe(self) -> float:
        """Seconds of a kernel that does nothing."""
        begin = time.perf_counter()
        self.context.launch("nothing", 1, 1)
        self.context.wait()
        return time.perf_counter() - begin

    def is_idle(self) -> bool:
        """Whether nobody but us uses the card: most probes are quick. One may meet a switch of contexts."""
        limit = IDLE_FACTOR * self._usual + IDLE_SECONDS
        quick = slow = 0
        while max(quick, slow) < IDLE_MAJORITY:
            if self.probe() < limit:
                quick += 1
            else:
                slow += 1
        return quick > slow

    def examine(self) -> None:
        """After a hang, a crash or a poisoned context of a guest: is the card still fit for work?

        Raises:
            CardUnhealthy: it reports an error of its own, computes wrong numbers, or does not answer.
        """
        self._need_no_error_of_its_own()
        try:
            self._compute_what_is_known()
        except DriverError as error:
            self.failed(error)

    def _need_no_error_of_its_own(self) -> None:
        if worrying := sorted(set(self._xids.seen()) - XIDS_OF_PROGRAMS):
            raise CardUnhealthy(f"Xid {', '.join(map(str, worrying))}")

    def _compute_what_is_known(self) -> None:
        found = np.zeros(KNOWN_COUNT, np.uint32)
        memory = self.context.allocate(found.nbytes)
        count, rounds = ctypes.c_uint64(KNOWN_COUNT), ctypes.c_uint32(KNOWN_ROUNDS)
        self.context.launch("known", 64, BLOCK, ctypes.c_uint64(memory), count, rounds)
        self.context.read(found, memory)
        self.context.free(memory)
        if not np.array_equal(found, known()):
            raise CardUnhealthy("it computes wrong numbers")

    def failed(self, error: DriverError) -> NoReturn:
        """A call of ours failed: is the card to blame, or only what has been on it?

        Raises:
            CardUnhealthy: it does not work in a fresh context either.
            InfrastructureFault: it does; the job is run again.
        """
        self._need_no_error_of_its_own()
        with contextlib.suppress(DriverError):
            self.context.reset()
        Cuda(self.card, self.quota).close()
        fault("card_failed", detail=str(error))

    def evict(self) -> None:
        """Put everything out of the second-level cache, and take back what was set aside in it."""
        size = 2 * self.context.attribute("l2_bytes")
        if not self._scratch:
            self._scratch = self.context.allocate(size)
        self.context.forget_kept_lines()
        words = (ctypes.c_uint64(self._scratch), ctypes.c_uint64(size // 4), ctypes.c_uint32(1))
        self.context.launch("evict", MOST_BLOCKS, BLOCK, *words)
        self.context.wait()


class CudaMemory:
    """The arenas of one side, our copy of the inputs, our snapshot of the outputs."""

    def __init__(self, owner: Cuda, tensors: Sequence[Tensor], input_bytes: int, output_bytes: int) -> None:
        self._card, self._context, self._tensors = owner, owner.context, tensors
        with self._blaming_the_card():
            self._inputs = self._context.share(base.roomy(input_bytes, tensors, ALIGN))
            self._outputs = self._context.share(base.roomy(output_bytes, tensors, ALIGN))
            self._copy = self._context.allocate(self._inputs.size)
            self._snapshot = self._context.allocate(self._outputs.size)
            self._small = self._context.allocate(SMALL_BYTES)
        self._places: list[dict[str, list[_Span]]] = []
        self._call: dict[str, list[_Span]] = {"input": [], "output": []}
        self._late = 0  # rows of the table that `begin` carries out
        self._payload = 0
        self._beside: npt.NDArray[np.uint8] = noise()
        self._free = self._taken = 0
        self.renew()

    @property
    def fds(self) -> tuple[int, ...]:
        return (self._inputs.fd, self._outputs.fd)

    @property
    def sizes(self) -> tuple[int, ...]:
        return (self._inputs.size, self._outputs.size)

    def renew(self) -> None:
        context = self._context
        with self._blaming_the_card():
            for memory in (self._inputs, self._outputs):
                context.clear(memory.address, memory.size)
            context.clear(self._copy, self._inputs.size)
            context.clear(self._snapshot, self._outputs.size)
            context.clear(self._small, SMALL_BYTES)
            context.wait()
        self._places, self._call = [], {"input": [], "output": []}
        self._late, self._taken = 0, 0

    def bind(self, shapes: Shapes, places: int) -> list[dict[str, int]]:
        self._places = [self._place(shapes) for _ in range(places)]
        return [
            {span.tensor.name: span.start for spans in place.values() for span in spans}
            for place in self._places
        ]

    def fill(self, place: int, inputs: Mapping[str, Array], where: str) -> None:
        context, call = self._context, self._places[place]
        self._call, self._payload, self._beside = call, base.payload(), noise()
        with self._blaming_the_card():
            self._need_idle(where)
            context.write(self._small, self._beside)
            for span in call["input"]:
                context.write(self._copy + span.start, np.ascontiguousarray(inputs[span.tensor.name]))
                context.copy(self._inputs.address + span.start, self._copy + span.start, span.size)
                self._guard(self._inputs.address, span)
            for span in call["output"]:
                self._poison(span)
                self._guard(self._outputs.address, span)
            self._spoil(call["input"])
            context.wait()

    def chill(self) -> None:
        with self._blaming_the_card():
            self._card.evict()

    def begin(self) -> int:
        try:  # plainer than what the others use: what leaving it takes would be timed
            self._free = self._context.free_memory()
            begin = time.perf_counter_ns()
            self._move(self._small + GUARD, self._late)
            self._context.wait()
        except DriverError as error:
            self._card.failed(error)
        return begin

    def answered(self, end: int) -> int:
        try:
            self._take_snapshot()
        except DriverError as error:
            self._card.failed(error)
        return time.perf_counter_ns()

    def settle(self, where: str) -> None:
        with self._blaming_the_card():
            self._taken += self._free - self._context.free_memory()
            if self._taken > self._card.quota + CONTEXTS_BYTES:
                raise Failed("device_memory_limit", where=where, megabytes=self._card.quota >> 20)
            self._need_idle(where)

    def _need_idle(self, where: str) -> None:
        if not self._card.is_idle():
            raise Failed("left_running", where=where)

    def outputs(self, where: str) -> dict[str, Array]:
        found: dict[str, Array] = {}
        with self._blaming_the_card():
            for span in self._call["output"]:
                whole = np.empty(span.size + 2 * GUARD, np.uint8)
                self._context.read(whole, self._snapshot + span.start - GUARD)
                if (whole[:GUARD] != self._beside).any() or (whole[-GUARD:] != self._beside).any():
                    raise Failed("wrote_outside", where=where, tensor=span.tensor.name)
                inner = whole[GUARD : GUARD + span.size]
                found[span.tensor.name] = inner.view(span.tensor.dtype).reshape(span.shape)
            for span in self._call["input"]:
                if self._was_changed(span):
                    raise Failed("wrote_input", where=where, tensor=span.tensor.name)
        return found

    def unwritten(self, output: Array) -> npt.NDArray[np.bool_]:
        return base.untouched(output, self._payload)

    def snapshot_cost(self) -> float:
        """Seconds that taking the output of the last call adds to it: the least of a few."""
        with self._blaming_the_card():
            return min(self._timed_snapshot() for _ in range(5))

    def close(self) -> None:
        for memory in (self._inputs, self._outputs):
            with contextlib.suppress(DriverError):  # it went with its context: somebody has said so
                self._context.unshare(memory)
        for address in (self._copy, self._snapshot, self._small):
            with contextlib.suppress(DriverError):
                self._context.free(address)

    def _place(self, shapes: Shapes) -> dict[str, list[_Span]]:
        place: dict[str, list[_Span]] = {}
        for role, arena in (("input", self._inputs), ("output", self._outputs)):
            tensors = [tensor for tensor in self._tensors if tensor.role == role]
            sizes = [base.bytes_of(tensor, shapes) for tensor in tensors]
            starts = base.spread(sizes, arena.size, ALIGN)
            place[role] = [
                _Span(tensor, shapes[tensor.name], start, size)
                for tensor, start, size in zip(tensors, starts, sizes, strict=True)
            ]
        return place

    def _guard(self, arena: Address, span: _Span) -> None:
        for at in (span.start - GUARD, span.start + span.size):
            self._context.copy(arena + at, self._small, GUARD)

    def _poison(self, span: _Span) -> None:
        dtype = np.dtype(span.tensor.dtype)
        count = span.size // dtype.itemsize
        if count:
            words = (self._outputs.address + span.start, base.poison_bits(dtype, self._payload), count)
            blocks = min(-(-count // BLOCK), MOST_BLOCKS)
            self._context.launch(f"poison{dtype.itemsize}", blocks, BLOCK, *map(ctypes.c_uint64, words))

    def _spoil(self, spans: Sequence[_Span]) -> None:
        """Put elements from elsewhere into the inputs, and note which must be put right by `begin`."""
        wrong: list[Any] = []
        right: list[Any] = []
        for span in spans:
            item = np.dtype(span.tensor.dtype).itemsize
            if span.size > item:
                at, other = base.elements(span.size // item, LATE), base.elements(span.size // item, LATE)
                for places, rows in ((other, wrong), (at, right)):
                    to = self._inputs.address + span.start + at * item
                    rows.append(np.stack([to, self._copy + span.start + places * item, at * 0 + item], 1))
        self._late = LATE * len(right)
        if right:
            table = np.concatenate([*right, *wrong]).astype(np.uint64)
            self._context.write(self._small + GUARD, table)
            self._move(self._small + GUARD + 24 * self._late, self._late)

    def _move(self, table: Address, rows: int) -> None:
        self._context.launch("move_few", 4, BLOCK, ctypes.c_uint64(table), ctypes.c_uint64(rows))

    def _take_snapshot(self) -> None:
        for span in self._call["output"]:
            at, size = span.start - GUARD, span.size + 2 * GUARD
            self._context.copy(self._snapshot + at, self._outputs.address + at, size)
        self._context.wait()

    def _timed_snapshot(self) -> float:
        begin = time.perf_counter()
        self._take_snapshot()
        return time.perf_counter() - begin

    def _was_changed(self, span: _Span) -> bool:
        if not span.size:
            return False
        found, count = np.zeros(1, np.uint32), ctypes.c_uint64(self._small)
        self._context.clear(self._small, 4)
        places = (self._inputs.address + span.start, self._copy + span.start, span.size)
        blocks = min(-(-span.size // BLOCK), MOST_BLOCKS)
        self._context.launch("differ", blocks, BLOCK, *map(ctypes.c_uint64, places), count)
        self._context.read(found, self._small)
        return bool(found[0])

    @contextlib.contextmanager
    def _blaming_the_card(self) -> Iterator[None]:
        try:
            yield
        except DriverError as error:
            self._card.failed(error)


@functools.cache
def kernels(arch: str) -> bytes:
    """Our own kernels for such cards.

    Raises:
        CardUnhealthy: they cannot be compiled; the text names the cure.
    """
    try:
        return cuda.compile_cubin(str(SOURCE), arch)
    except cuda.BuildError as error:
        raise CardUnhealthy(f"our kernels cannot be compiled for {arch}: {error}") from error


@functools.cache
def known() -> npt.NDArray[np.uint32]:
    """What `known` of kernels.cu must give."""
    x = np.arange(1, KNOWN_COUNT + 1, dtype=np.uint32)
    for _ in range(KNOWN_ROUNDS):
        x ^= x << np.uint32(13)
        x ^= x >> np.uint32(17)
        x ^= x << np.uint32(5)
    return x
