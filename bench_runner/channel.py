"""Call a guest's function with our buffers and by our clock: the parent's side of the shared memory.

Not in charge of starting guests (`guests.py`), of what inputs hold (`pool.py`), of comparing outputs
(`check.py`), of the memory in which tensors lie (`devices/`).

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
       there. The outputs are now read, while the guest stays frozen.

The clock starts before the thaw, so a thread that spins on the input has no head start. It stops when the
answer is seen, and whatever has not been written by then is still poison: an answer without work is a wrong
answer. A guest that forges its own answer therefore gains nothing; one that writes anything else breaks the
protocol, which ends its attempt. Poison is a NaN whose payload changes with every call, so that "never
written" can be told from a NaN that was computed.

Spinning: the parent sees an answer at once because it spins, never asleep when one can be expected: being
woken up costs more than a short call. Of calls that have all taken a millisecond or more it sleeps through
the first half of the quickest: whoever else wants our CPU, a site say, has it meanwhile. (A call that is
quicker than that is measured too slow by the rest of the sleep, once.) After SPIN_SECONDS it naps between
looks; the error stays below 0.2 % of what is timed. The guest is looked at for signs of its death only now
and then, because that look takes longer than an empty call.

On a card the same is done by its own means, where they differ: `devices/base.py` says what a device does.

Stores of one thread are seen in order on x86-64; elsewhere the freeze orders them, as a signal does.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bench_runner.devices.base import Array, Memory, Shapes
from bench_runner.endings import Facts, of_answer, of_end
from bench_runner.errors import InfrastructureFault
from bench_runner.failure import Failed, fault
from bench_runner.guest import records as r
from bench_runner.memory import Shared
from bench_runner.sandbox import End
from tasks.spec import Tensor

SPIN_SECONDS = 0.05
LONG_SECONDS = 0.001  # calls that are slept through by half
NAP_SECONDS = 50e-6
LOOK_SECONDS = 0.01  # between looks at whether the guest still lives; each takes some 30 µs
FLOOD_SECONDS = 0.0002  # the same while it floods its output: a full pipe would hold it up
SPINS = 2000  # looks at the reply word, about 0.1 ms, between looks at the clock
STARTED_SECONDS = 20.0  # for our own code to come up or bind; measured 25 ms, more only in trouble


class Placing(Protocol):
    """What the channel needs of `placement.Placement`."""

    def near_guest(self, job: Callable[[], object]) -> None: ...
    def first(self) -> AbstractContextManager[None]: ...


class Anywhere:
    """For calls whose seconds nobody wants."""

    def near_guest(self, job: Callable[[], object]) -> None:
        job()

    def first(self) -> AbstractContextManager[None]:
        return nullcontext()


ANYWHERE = Anywhere()


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


class Channel:
    """The pages and the memory of one side (baseline or candidate), used by one process after another."""

    def __init__(self, tensors: Sequence[Tensor], memory: Memory, facts: Facts) -> None:
        self._tensors = tensors
        self._facts = facts
        self._requests = Shared("requests", r.PAGE_BYTES, guest_writes=False)
        self._replies = Shared("replies", r.PAGE_BYTES, guest_writes=True)
        self._memory = memory
        self._request, self._reply = self._requests.words(), self._replies.words()
        self._nonce = 0
        self._turn = 0
        self._guest: Process | None = None
        self._word = 0  # what the guest said last
        self._place = 0
        self._least = 0.0  # seconds of the quickest call since the last bind
        self.where = ""  # for messages: "case odd, call 3"

    @property
    def fds(self) -> tuple[int, ...]:
        return (self._requests.fd, self._replies.fd, *self._memory.fds)

    def renew(self) -> None:
        """Make ready for a new process: whatever an earlier one left or was shown is gone."""
        for page in (self._requests, self._replies):
            page.wipe()
        self._memory.renew()
        self._nonce = secrets.randbits(63) | 1
        self._turn, self._word, self._guest = 0, 0, None

    def exchange_memory(self, other: Channel) -> None:
        """Swap the buffers with another channel of the same sizes, before both are renewed."""
        self._requests, other._requests = other._requests, self._requests
        self._replies, other._replies = other._replies, self._replies
        self._request, other._request = other._request, self._request
        self._reply, other._reply = other._reply, self._reply
        self._memory, other._memory = other._memory, self._memory

    def arguments(self, language: str, folder: str, symbol: str, dims: int) -> list[str]:
        """The guest's command line. The same in every phase, so that it tells a submission nothing."""
        numbers = [self._requests.fd, self._replies.fd]
        for fd, size in zip(self._memory.fds, self._memory.sizes, strict=True):
            numbers += [fd, size]
        tensors = [f"{tensor.role}:{tensor.dtype}" for tensor in self._tensors]
        return [*map(str, [*numbers, self._nonce, dims]), language, folder, symbol, *tensors]

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

    def bind(self, dims: Sequence[int], shapes: Shapes) -> None:
        """Prepare the calls of a case: until the next bind, all calls have these dims and shapes."""
        places = self._memory.bind(shapes, r.SLOTS)
        request = self._request
        for index, size in enumerate(dims):
            request[r.DIMS + index] = size
        for index, tensor in enumerate(self._tensors):
            shape = shapes[tensor.name]
            for word, value in enumerate((len(shape), *shape)):
                request[r.SHAPES + index * r.SHAPE_WORDS + word] = value
        for number, offsets in enumerate(places):
            for index, tensor in enumerate(self._tensors):
                request[r.OFFSETS + number * len(self._tensors) + index] = offsets[tensor.name]
        self._take_turn(r.BIND, STARTED_SECONDS, _stuck(self.where))
        self._least = 0.0

    def call(
        self,
        inputs: Mapping[str, Array],
        limit: Limit,
        *,
        same_place: bool = False,
        cold: bool = False,
        placing: Placing = ANYWHERE,
    ) -> tuple[float, dict[str, Array]]:
        """One call: its seconds and its outputs, to be read before the next turn.

        At a random place of those that are bound, or once more at the last one; with its tensors in the
        caches of whoever has just written them, which `placing` decides, or, `cold`, in none.

        Raises:
            Failed: it crashed, raised, took longer than the limit or broke the protocol.
        """
        if not same_place:
            self._place = _random.randrange(r.SLOTS)
        placing.near_guest(lambda: self._memory.fill(self._place, inputs, self.where))
        if cold:
            self._memory.chill()
        self._request[r.SLOT] = self._place
        asleep = self._least / 2 if self._least > LONG_SECONDS else 0.0
        with placing.first():
            seconds = self._take_turn(r.CALL, limit.seconds, Failed(limit.reason, **limit.args), asleep)
        self._least = min(self._least or seconds, seconds)
        return seconds, self._memory.outputs(self.where)

    def snapshot_cost(self) -> float:
        """The seconds of every call, as it is bound, in which we take the output."""
        return self._memory.snapshot_cost()

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
        for page in (self._requests, self._replies):
            page.close()
        self._memory.close()

    def _take_turn(self, kind: int, seconds: float, late: Exception, asleep: float = 0.0) -> float:
        """Let the frozen guest do one thing, and freeze it again; gives the seconds from before to after.

        Of these we sleep through the first `asleep`.
        """
        if self._guest is None:
            raise RuntimeError("a turn before load()")
        self._expect_untouched()
        self._turn += 1
        request, turn, thaw = self._request, self._turn, self._guest.thaw
        request[r.KIND] = kind
        timed = kind in (r.CALL, r.EMPTY)
        begin = self._memory.begin()
        request[r.TURN] = turn
        thaw()
        if asleep:
            time.sleep(asleep)
        word = self._wait(seconds, late)
        end = time.perf_counter_ns()
        if timed:
            end = self._memory.answered(end)
        self._guest.freeze()
        if word in [r.reply(turn, failure) for failure in r.FAILURES]:
            refused = self._guest.refused_processes() > 0
            raise of_answer(word & 0xFF, kind, self.where, self._facts, refused=refused)
        if word != r.reply(turn, r.DONE):
            raise Failed("broken_protocol", where=self.where)
        self._word = word
        self._expect_untouched()
        self._memory.settle(self.where)
        return (end - begin) * 1e-9

    def unwritten(self, output: Array) -> npt.NDArray[np.bool_]:
        """Which elements of an output of the last call still hold its poison, bit for bit."""
        return self._memory.unwritten(output)

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
