"""Call a guest's function with our buffers and by our clock: the parent's side of the shared memory.

Not in charge of starting guests (`guests.py`), of what inputs hold (`pool.py`), of comparing outputs
(`check.py`).

Theory of operation. Everything that decides a verdict stays on this side: answers, seeds, comparison, clock.
The guest sees two arenas (inputs, which it cannot write, and outputs), a request page it cannot write, and a
reply page. All it ever does is one *turn* after another: load, bind the arguments of a case to addresses,
call once. Between turns it is frozen. A case is bound to SLOTS placements at once, each at addresses of its
own, so that the timed turn finds its arguments ready. A call goes:

    1. While the guest is frozen, a slot is drawn, the inputs are written there, the outputs there are
       poisoned.
    2. Clock. The turn's number is written. Thaw. The guest calls the function once and answers. Clock.
       Freeze.
    3. The answer, and the whole reply page after the freeze, must be exactly what an honest guest leaves
       there. The outputs are now read where they lie, while the guest stays frozen.

The clock starts before the thaw, so a thread that spins on the input has no head start. It stops when the
answer is seen, and whatever has not been written by then is still poison: an answer without work is a wrong
answer. A guest that forges its own answer therefore gains nothing; one that writes anything else breaks the
protocol, which ends its attempt. Poison is a NaN whose payload changes with every call, so that "never
written" can be told from a NaN that was computed.

Spinning: the parent never sleeps in a call shorter than SPIN_SECONDS, because being woken up costs more than
a short call. Later it naps between looks; the error stays below 0.2 % of what is timed. The guest is looked
at for signs of its death only now and then, because that look takes longer than an empty call.

`watched.py` looks at what the comparison of the frozen output cannot see: writes beside it, and writes
between the answer and the freeze.

Stores of one thread are seen in order on x86-64; elsewhere the freeze orders them, as a signal does.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bench_runner import caches
from bench_runner.endings import Facts, of_answer, of_end
from bench_runner.errors import InfrastructureFault
from bench_runner.failure import Failed, fault
from bench_runner.guest import records as r
from bench_runner.memory import Shared
from bench_runner.sandbox import End
from bench_runner.watched import GUARD, Watched, noise
from tasks.spec import Tensor

Array = npt.NDArray[np.generic]

ALIGN = 64  # bytes; a cache line, and what NumPy and malloc give at least half of
SPIN_SECONDS = 0.05
NAP_SECONDS = 50e-6
LOOK_SECONDS = 0.01  # between looks at whether the guest still lives; each takes some 30 µs
FLOOD_SECONDS = 0.0002  # the same while it floods its output: a full pipe would hold it up
SPINS = 2000  # looks at the reply word, about 0.1 ms, between looks at the clock
STARTED_SECONDS = 20.0  # for our own code to come up or bind; measured 25 ms, more only in trouble


class Process(Protocol):
    """What the channel needs of `sandbox.Guest`."""

    log_dropped: int

    def refused_processes(self) -> int: ...
    def poll(self) -> End | None: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...


@dataclass(frozen=True)
class Limit:
    """How long a call may take, and what is said when it takes longer."""

    seconds: float
    reason: str
    args: dict[str, Any]


@dataclass(frozen=True)
class _Placement:
    """Where the tensors of a call lie: offsets for the guest, views for us. Made once, at bind."""

    offsets: dict[str, int]
    inputs: dict[str, Array]
    outputs: dict[str, Array]
    around: list[Array]  # bytes of each tensor with its guards
    watched: list[Watched]


class Channel:
    """The memory of one side (baseline or candidate), used by one process after another."""

    def __init__(self, tensors: Sequence[Tensor], input_bytes: int, output_bytes: int, facts: Facts) -> None:
        """`input_bytes` and `output_bytes` are the needs of the largest call; the arenas are larger."""
        self._tensors = tensors
        self._facts = facts
        self._requests = Shared("requests", r.PAGE_BYTES, guest_writes=False)
        self._replies = Shared("replies", r.PAGE_BYTES, guest_writes=True)
        self._arenas = {
            "input": Shared("inputs", _roomy(input_bytes, tensors), guest_writes=False),
            "output": Shared("outputs", _roomy(output_bytes, tensors), guest_writes=True),
        }
        self._request, self._reply = self._requests.words(), self._replies.words()
        self._nonce = 0
        self._turn = 0
        self._guest: Process | None = None
        self._word = 0  # what the guest said last
        self._shapes: Mapping[str, tuple[int, ...]] = {}
        self._slots: list[_Placement] = []
        self._slot = 0
        self._payload = 0
        self._watched: list[Watched] = []  # the outputs of the call that runs
        self.where = ""  # for messages: "case odd, call 3"

    @property
    def fds(self) -> tuple[int, ...]:
        return tuple(shared.fd for shared in self._shared())

    def renew(self) -> None:
        """Make ready for a new process: whatever an earlier one left or was shown is gone."""
        for shared in self._shared():
            shared.wipe()
        self._nonce = secrets.randbits(63) | 1
        self._turn, self._word, self._guest = 0, 0, None
        self._slots = []

    def exchange_memory(self, other: Channel) -> None:
        """Swap the buffers with another channel of the same sizes, before both are renewed."""
        self._requests, other._requests = other._requests, self._requests
        self._replies, other._replies = other._replies, self._replies
        self._request, other._request = other._request, self._request
        self._reply, other._reply = other._reply, self._reply
        self._arenas, other._arenas = other._arenas, self._arenas

    def arguments(self, language: str, folder: str, symbol: str, dims: int) -> list[str]:
        """The guest's command line. The same in every phase, so that it tells a submission nothing."""
        numbers = [
            self._requests.fd, self._replies.fd,
            self._arenas["input"].fd, self._arenas["input"].size,
            self._arenas["output"].fd, self._arenas["output"].size,
            self._nonce, dims,
        ]  # fmt: skip
        tensors = [f"{tensor.role}:{tensor.dtype}" for tensor in self._tensors]
        return [*map(str, numbers), language, folder, symbol, *tensors]

    def load(self, guest: Process, seconds: float) -> None:
        """Wait until the guest has come up, let it load the submission, freeze it.

        Raises:
            Failed: the submission did not load.
            InfrastructureFault: our own code did not come up.
        """
        self._guest, self._word = guest, 0
        self.where = "while loading"
        word = self._wait(STARTED_SECONDS, _not_started())
        guest.freeze()
        if word != r.reply(0, r.DONE):
            fault("guest_failed", detail=f"its first word was {word:#x}")
        self._word = r.reply(0, r.DONE)
        self._take_turn(r.LOAD, seconds, Failed("load_time_limit", seconds=seconds))

    def bind(self, dims: Sequence[int], shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Prepare the calls of a case: until the next bind, all calls have these dims and shapes."""
        self._shapes = shapes
        sizes = {tensor.name: _bytes(tensor, shapes) for tensor in self._tensors}
        self._slots = [self._place(sizes) for _ in range(r.SLOTS)]
        request = self._request
        for index, size in enumerate(dims):
            request[r.DIMS + index] = size
        for index, tensor in enumerate(self._tensors):
            shape = shapes[tensor.name]
            for word, value in enumerate((len(shape), *shape)):
                request[r.SHAPES + index * r.SHAPE_WORDS + word] = value
        for number, slot in enumerate(self._slots):
            for index, tensor in enumerate(self._tensors):
                request[r.OFFSETS + number * len(self._tensors) + index] = slot.offsets[tensor.name]
        self._take_turn(r.BIND, STARTED_SECONDS, _stuck(self.where))

    def call(
        self, inputs: Mapping[str, Array], limit: Limit, *, same_place: bool = False, cold: bool = False
    ) -> tuple[float, dict[str, Array]]:
        """One call: its seconds and its outputs, to be read before the next turn.

        At a random place of those that are bound, or once more at the last one; with its tensors in the
        caches of the CPU that has just written them, or, `cold`, in none.

        Raises:
            Failed: it crashed, raised, took longer than the limit or broke the protocol.
        """
        if not same_place:
            self._slot = _random.randrange(r.SLOTS)
        outputs = self._fill(inputs, self._slots[self._slot])
        if cold:
            caches.flush([*self._slots[self._slot].inputs.values(), *outputs.values()])
        self._request[r.SLOT] = self._slot
        seconds = self._take_turn(r.CALL, limit.seconds, Failed(limit.reason, **limit.args))
        for each in self._watched:
            if each.guards_changed():
                raise Failed("wrote_outside", where=self.where, tensor=each.name)
            each.restore()
        return seconds, outputs

    def empty_call(self) -> float:
        """The seconds of a call that does nothing: what the channel itself adds to every call."""
        return self._take_turn(r.EMPTY, STARTED_SECONDS, _stuck(self.where))

    def leave(self) -> None:
        """Ask the guest to leave in good order, so that what it has buffered for stdout is seen. Never
        waits."""
        if self._guest is not None:
            self._request[r.KIND] = r.LEAVE
            self._request[r.TURN] = self._turn + 1
            self._guest.thaw()

    def close(self) -> None:
        for shared in self._shared():
            shared.close()

    def _shared(self) -> tuple[Shared, ...]:
        return (self._requests, self._replies, self._arenas["input"], self._arenas["output"])

    def _take_turn(self, kind: int, seconds: float, late: Exception) -> float:
        """Let the frozen guest do one thing, and freeze it again; gives the seconds from before to after."""
        if self._guest is None:
            raise RuntimeError("a turn before load()")
        self._expect_untouched()
        self._turn += 1
        request, turn, thaw = self._request, self._turn, self._guest.thaw
        request[r.KIND] = kind
        begin = time.perf_counter_ns()
        request[r.TURN] = turn
        thaw()
        word = self._wait(seconds, late)
        end = time.perf_counter_ns()
        if kind == r.CALL:
            for each in self._watched:
                each.look()
        self._guest.freeze()
        if word in [r.reply(turn, failure) for failure in r.FAILURES]:
            refused = self._guest.refused_processes() > 0
            raise of_answer(word & 0xFF, kind, self.where, self._facts, refused=refused)
        if word != r.reply(turn, r.DONE):
            raise Failed("broken_protocol", where=self.where)
        self._word = word
        self._expect_untouched()
        return (end - begin) * 1e-9

    def _place(self, sizes: Mapping[str, int]) -> _Placement:
        """Places of the tensors in their arenas: in order, the free room spread at random between them."""
        offsets: dict[str, int] = {}
        views: dict[str, dict[str, Array]] = {"input": {}, "output": {}}
        around: list[Array] = []
        watched: list[Watched] = []
        for role, arena in self._arenas.items():
            tensors = [tensor for tensor in self._tensors if tensor.role == role]
            free = (arena.size - sum(_guarded(sizes[tensor.name]) for tensor in tensors)) // ALIGN
            at = 0
            for tensor, gap in zip(tensors, _gaps(free, len(tensors)), strict=True):
                size, at = sizes[tensor.name], at + gap * ALIGN
                offsets[tensor.name] = start = at + GUARD
                raw = arena.bytes[start : start + size]
                view = raw.view(tensor.dtype).reshape(self._shapes[tensor.name])
                views[role][tensor.name] = view
                around.append(arena.bytes[at : start + size + GUARD])
                if role == "output":
                    watched.append(Watched(tensor.name, view, around[-1]))
                at += _guarded(size)
        return _Placement(offsets, views["input"], views["output"], around, watched)

    def _fill(self, inputs: Mapping[str, Array], slot: _Placement) -> dict[str, Array]:
        """Write the inputs, poison the outputs; gives the views of the outputs."""
        self._payload = _random.getrandbits(16) | 1
        beside = noise()
        for around in slot.around:
            around[:GUARD] = around[-GUARD:] = beside
        for name, view in slot.inputs.items():
            np.copyto(view, inputs[name])
        for view in slot.outputs.values():
            poison(view, self._payload)
        for each in slot.watched:
            each.expect(beside)
        self._watched = slot.watched
        return slot.outputs

    def unwritten(self, output: Array) -> npt.NDArray[np.bool_]:
        """Which elements of an output of the last call still hold its poison, bit for bit."""
        return np.asarray(_bits(output) == _poison_bits(output, self._payload))

    def _wait(self, seconds: float, late: Exception) -> int:
        """The reply word as soon as it changes. Nothing in the inner loop but the look itself."""
        reply, before = self._reply, self._word
        start = time.perf_counter()
        look = start + LOOK_SECONDS
        while True:
            for _ in range(SPINS):
                if (word := reply[r.STATE]) != before:
                    return word
            now = time.perf_counter()
            if now > look or now > start + seconds:
                if self._answered_or_alive():
                    return reply[r.STATE]
                if now > start + seconds:
                    raise late
                look = time.perf_counter() + (FLOOD_SECONDS if self._floods() else LOOK_SECONDS)
            if now > start + SPIN_SECONDS and look > now + NAP_SECONDS:
                time.sleep(NAP_SECONDS)

    def _floods(self) -> bool:
        return self._guest is not None and self._guest.log_dropped > 0

    def _answered_or_alive(self) -> bool:
        """True if the guest has answered after all, False if it is still at it.

        Raises:
            Failed: it is gone.
        """
        assert self._guest is not None  # noqa: S101 - for the type checker; load() sets it first
        end = self._guest.poll()
        if self._reply[r.STATE] != self._word:
            return True
        if end is None:
            return False
        if not self._word:
            fault("guest_failed", detail=f"it {end.how} with {end.code}")
        raise of_end(end, self.where, self._facts)

    def _expect_untouched(self) -> None:
        page = bytes(self._replies.bytes)
        if page[16:] != _REST or self._reply[r.STATE] != self._word or self._reply[r.NONCE] != self._nonce:
            raise Failed("broken_protocol", where=self.where)


_REST = bytes(r.PAGE_BYTES - 16)
_random = random.SystemRandom()


def _not_started() -> Exception:
    return InfrastructureFault(
        f"Our process in the sandbox said nothing for {STARTED_SECONDS:.0f} s: look at the machine's load."
    )


def _stuck(where: str) -> Exception:
    """It was there and says nothing: code of the submission keeps our loop from running."""
    return Failed("call_time_limit", where=where, seconds=STARTED_SECONDS)


def poison(output: Array, payload: int) -> None:
    """Fill with a quiet NaN that carries `payload`."""
    _bits(output).fill(_poison_bits(output, payload))


def _poison_bits(output: Array, payload: int) -> int:
    return (0x7FC00000 if output.dtype == np.float32 else 0x7FF8000000000000) | payload


def _bits(output: Array) -> npt.NDArray[Any]:
    return output.view(np.uint32 if output.dtype == np.float32 else np.uint64)


def _bytes(tensor: Tensor, shapes: Mapping[str, tuple[int, ...]]) -> int:
    return int(np.prod(shapes[tensor.name], dtype=np.int64)) * np.dtype(tensor.dtype).itemsize


def _aligned(size: int) -> int:
    return -(-size // ALIGN) * ALIGN


def _guarded(size: int) -> int:
    """What a tensor takes of its arena."""
    return _aligned(size) + 2 * GUARD


def _roomy(needed: int, tensors: Sequence[Tensor]) -> int:
    """An arena in which addresses can differ from call to call by more than a few pages."""
    return needed + max(needed // 2, 1 << 18) + (ALIGN + 2 * GUARD) * (len(tensors) + 1)


def _gaps(free: int, count: int) -> list[int]:
    """`count` random steps that use up at most `free`."""
    cuts = sorted(_random.randrange(free + 1) for _ in range(count))
    return [cut - before for before, cut in zip([0, *cuts], cuts, strict=False)]
