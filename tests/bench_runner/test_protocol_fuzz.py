"""Any bytes from a guest give a verdict: the protocol against a stand-in that writes what Hypothesis invents.

The stand-in lives in this process and acts when it is thawed, through mappings of its own of the descriptors
that a guest gets. What a real guest does to the real judge is tried in `tests/adversary/attacks`.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench_runner import channel as channel_module
from bench_runner.channel import Channel, Limit
from bench_runner.contract import Outcome
from bench_runner.devices.host import HostMemory
from bench_runner.endings import Facts
from bench_runner.errors import InfrastructureFault
from bench_runner.failure import Failed
from bench_runner.guest import records as r
from bench_runner.messages import REASONS
from bench_runner.sandbox import End
from tasks.spec import Tensor

TENSORS = (Tensor("x", "input", "float32", ("n",)), Tensor("y", "output", "float64", ("n",)))
N = 7
QUICK = 0.02
PUNCH_HOLE, KEEP_SIZE = 2, 1
Action = tuple[Any, ...]


@dataclass
class Puppet:
    """Does at each thaw what the next script says."""

    channel: Channel
    scripts: list[list[Action]]
    log_dropped: int = 0
    end: End | None = None
    refused: int = 0
    frozen: bool = False
    turns: int = 0
    wrote_output: bool = False
    threads: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        requests, replies, inputs, outputs = self.channel.fds
        self.read_only = (requests, inputs)
        self.replies = mmap.mmap(replies, r.PAGE_BYTES)
        self.outputs = mmap.mmap(outputs, os.fstat(outputs).st_size)
        self.words = memoryview(self.replies).cast("Q")
        self.nonce = int(self.channel.arguments("c", "/", "f", 1)[6])

    def start(self) -> None:
        self._act(self.scripts[0])

    def poll(self) -> End | None:
        return self.end

    def freeze(self) -> None:
        self.frozen = True
        for thread in self.threads:
            thread.join()

    def thaw(self) -> None:
        self.frozen = False
        self.turns += 1
        if self.turns < len(self.scripts):
            self._act(self.scripts[self.turns])

    def refused_processes(self) -> int:
        return self.refused

    def close(self) -> None:
        for thread in self.threads:
            thread.join()
        self.words.release()

    def _act(self, script: list[Action]) -> None:
        for name, *values in script:
            getattr(self, f"do_{name}")(*values)

    def do_answer(self, state: int, turn: int) -> None:
        self.words[r.NONCE] = self.nonce
        self.words[r.STATE] = r.reply(max(0, self.turns + turn), state)

    def do_word(self, index: int, value: int) -> None:
        self.words[index] = value

    def do_page(self, at: int, data: bytes) -> None:
        self.replies[at : at + len(data)] = data

    def do_output(self, at: int, data: bytes) -> None:
        at %= len(self.outputs) - len(data)
        self.outputs[at : at + len(data)] = data
        self.wrote_output = self.wrote_output or bool(data)

    def do_whole_output(self, byte: int) -> None:
        self.outputs[:] = bytes([byte]) * len(self.outputs)
        self.wrote_output = True

    def do_end(self, how: str, code: int) -> None:
        self.end = End(how, code, 0.1, None)  # type: ignore[arg-type]

    def do_refuse(self, times: int) -> None:
        self.refused += times

    def do_flood(self, size: int) -> None:
        self.log_dropped += size

    def do_resize(self, size: int) -> None:
        for fd in self.channel.fds:
            other = size + (size == os.fstat(fd).st_size)  # the size that it has is no change, so not refused
            with pytest.raises(PermissionError, match="not permitted"):
                os.ftruncate(fd, other)

    def do_write_what_is_ours(self, data: bytes) -> None:
        for fd in self.read_only:
            with pytest.raises(PermissionError, match="not permitted"):
                os.pwrite(fd, data or b"x", 0)

    def do_punch(self, which: int) -> None:
        """Give pages of the reply page or the outputs back to the system: they read as zeros afterwards."""
        fallocate = ctypes.CDLL(None).fallocate64
        fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
        fallocate(self.channel.fds[(1, 3)[which]], PUNCH_HOLE | KEEP_SIZE, 0, 1 << 20)
        self.wrote_output = self.wrote_output or which == 1

    def do_race(self, index: int, values: list[int]) -> None:
        """Change a word again and again while the parent looks."""

        def write() -> None:
            for value in values * 20:
                self.words[index] = value

        self.threads.append(threading.Thread(target=write))
        self.threads[-1].start()


WORDS = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 257, 258, 513, 514, 769, 1025, 1 << 63])
BYTES = st.binary(max_size=64)
STATES = st.sampled_from([r.DONE, *r.FAILURES]) | st.integers(0, 300)
ENDS = ["exited", "signalled", "memory_limit", "wall_limit", "killed"]
HOSTILE = st.one_of(
    st.tuples(st.just("answer"), STATES, st.integers(-2, 2)),
    st.tuples(st.just("word"), st.integers(0, 3) | st.integers(0, r.WORDS - 1), WORDS),
    st.tuples(st.just("page"), st.integers(0, r.PAGE_BYTES - 64), BYTES),
    st.tuples(st.just("output"), st.integers(0, 2**20), BYTES),
    st.tuples(st.just("whole_output"), st.integers(0, 255)),
    st.tuples(st.just("end"), st.sampled_from(ENDS), st.integers(0, 255)),
    st.tuples(st.just("refuse"), st.integers(1, 5)),
    st.tuples(st.just("flood"), st.integers(1, 2**40)),
    st.tuples(st.just("resize"), st.integers(0, 2**30)),
    st.tuples(st.just("write_what_is_ours"), BYTES),
    st.tuples(st.just("punch"), st.integers(0, 1)),
    st.tuples(st.just("race"), st.integers(0, 2), st.lists(WORDS, min_size=1, max_size=5)),
)  # fmt: skip
RIGHT = st.just(("answer", r.DONE, 0))
# Mostly right answers, or few examples would get beyond the first turn.
SCRIPT = st.one_of(
    st.tuples(RIGHT).map(list),
    st.lists(HOSTILE, max_size=4),
    st.lists(HOSTILE, max_size=2).map(lambda before: [*before, ("answer", r.DONE, 0)]),
    st.lists(HOSTILE, max_size=2).map(lambda after: [("answer", r.DONE, 0), *after]),
)


@pytest.fixture(scope="module")
def channel() -> Iterator[Channel]:
    made = Channel(TENSORS, HostMemory(TENSORS, 4 * N, 8 * N), Facts("f", "solution.c", 64, 32, 60.0))
    with mock.patch.multiple(channel_module, STARTED_SECONDS=QUICK, LOOK_SECONDS=0.001):
        yield made
    made.close()


def _judge(channel: Channel, puppet: Puppet) -> str:
    """What the judge makes of it: a reason, or "answered"."""
    x = np.arange(N, dtype=np.float32)
    limit = Limit(QUICK, "call_time_limit", {"where": "here", "seconds": QUICK})
    try:
        channel.load(puppet, QUICK)
        channel.bind([N], {"x": (N,), "y": (N,)})
        for _ in range(3):
            puppet.wrote_output = False
            _, outputs = channel.call({"x": x}, limit)
            before = outputs["y"].tobytes()
            if not puppet.wrote_output:
                assert channel.unwritten(outputs["y"]).all(), "an answer without work counted as one"
            assert puppet.frozen
            assert outputs["y"].tobytes() == before
    except Failed as failed:
        assert failed.outcome is not Outcome.PASSED  # noqa: PT017 - most examples raise nothing
        REASONS[failed.reason].words("en", failed.reason_args)
        return failed.reason
    except InfrastructureFault:
        # Only our own code has run by then. Afterwards nothing that a guest does may be our fault.
        assert puppet.turns == 0
        return "fault"
    return "answered"


def _fuzz(channel: Channel, scripts: list[list[Action]]) -> str:
    channel.renew()
    puppet = Puppet(channel, scripts)
    with contextlib.closing(puppet):
        puppet.start()
        return _judge(channel, puppet)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(scripts=st.lists(SCRIPT, min_size=5, max_size=6))
def test_whatever_a_guest_writes_the_judge_gives_a_verdict(channel: Channel, scripts: list[list[Action]]):
    _fuzz(channel, scripts)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(scripts=st.lists(SCRIPT, min_size=4, max_size=5))
def test_whatever_a_submission_writes_once_it_is_loaded_is_never_our_fault(
    channel: Channel, scripts: list[list[Action]]
):
    assert _fuzz(channel, [[("answer", r.DONE, 0)], *scripts]) != "fault"


@pytest.mark.slow
@settings(max_examples=8000, deadline=None, suppress_health_check=list(HealthCheck))
@given(scripts=st.lists(SCRIPT, min_size=5, max_size=6))
def test_whatever_a_guest_writes_for_a_long_time(channel: Channel, scripts: list[list[Action]]):
    _fuzz(channel, scripts)


def test_an_honest_stand_in_is_believed(channel: Channel):
    """Else the tests above would show nothing."""
    right = [("answer", r.DONE, 0)]
    assert _fuzz(channel, [right] * 6) == "answered"


@pytest.mark.parametrize("turn", range(1, 6))
@pytest.mark.parametrize(
    ("forgery", "reason"),
    [
        ([("answer", r.DONE, 1)], "broken_protocol"),
        ([("answer", r.DONE, -1)], "call_time_limit|load_time_limit|broken_protocol"),
        ([("answer", r.DONE, 0), ("word", 2, 1)], "broken_protocol"),
        ([("answer", r.DONE, 0), ("word", r.NONCE, 1)], "broken_protocol"),
        ([("answer", r.DONE, 0), ("punch", 0)], "broken_protocol"),
        ([("answer", 200, 0)], "broken_protocol"),
        ([("end", "exited", 0)], "exited"),
        ([("end", "signalled", 9)], "crashed"),
        ([("refuse", 1), ("answer", r.RAISED, 0)], "process_limit"),
        ([("answer", r.NO_SPACE, 0)], "no_space"),
        ([], "call_time_limit|load_time_limit"),
    ],
)
def test_each_forgery_ends_the_attempt_in_whatever_turn(
    channel: Channel, turn: int, forgery: list[Action], reason: str
):
    scripts: list[list[Action]] = [[("answer", r.DONE, 0)] for _ in range(6)]
    scripts[turn] = forgery
    assert _fuzz(channel, scripts) in reason.split("|")
