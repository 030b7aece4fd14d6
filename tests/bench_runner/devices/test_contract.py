"""What every device must do for the channel: one suite, on host memory, on a stand-in for a card's driver,
and on a card where there is one. A real guest process is at the other end each time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tasks.abi
from bench_runner.channel import Channel
from bench_runner.devices.base import Device
from bench_runner.devices.card import cards
from bench_runner.devices.cuda import Cuda
from bench_runner.devices.host import Host
from bench_runner.endings import Facts
from bench_runner.failure import Failed
from bench_runner.guest import records as r
from tasks import cuda
from tasks.languages import LANGUAGES
from tasks.spec import Tensor
from tests.bench_runner.devices import stand_in
from tests.bench_runner.test_channel import SECOND, Program

TENSORS = (
    Tensor("x", "input", "float32", ("n",)),
    Tensor("h", "input", "bfloat16", ("n", 2)),
    Tensor("y", "output", "float32", ("n",)),
    Tensor("z", "output", "float16", ("n",)),
)
N = 1000
RIGHT = """
def f(x, h, y, z):
    y[...] = 2 * x
    z[...] = h[:, 0].astype('float32') + h[:, 1].astype('float32')
"""
FACTS = Facts("f", "solution.py", 64, 32, 60.0)
needs_nvrtc = pytest.mark.skipif(cuda.nvrtc() is None, reason=f"needs NVRTC: {cuda.CURE}")
Start = Callable[[str], Channel]


class Bench:
    """A device, and how guests are started on it."""

    def __init__(self, kind: str, folder: Path, stack: ExitStack) -> None:
        self.kind, self.folder = kind, folder
        self.language, self.environment = "python", dict(os.environ)
        self.device: Device = Host()
        if kind == "stand-in":
            self.language = "cupy"
            self.driver, self.device = stack.enter_context(stand_in.card())
            self.environment = self.driver.environment()
        if kind == "card":
            self.language = "cupy"
            self.device = stack.enter_context(Cuda(cards()[0], 1 << 30))
        self._programs: list[Program] = []
        self._channels: list[Channel] = []

    def channel(self, tensors: tuple[Tensor, ...] = TENSORS) -> Channel:
        made = Channel(tensors, self.device.memory(tensors, 8 * N, 6 * N), FACTS)
        self._channels.append(made)
        return made

    def start(self, source: str, channel: Channel) -> Channel:
        """A guest with this submission on the channel, loaded."""
        kit, folder = self.folder / "guest", self.folder / f"submission{len(self._programs)}"
        kit.mkdir(exist_ok=True)
        folder.mkdir()
        for file in (*Path(r.__file__).parent.glob("*.py"), Path(tasks.abi.__file__)):
            (kit / file.name).write_bytes(file.read_bytes())
        (folder / LANGUAGES[self.language].entry).write_text(source)
        channel.renew()
        words = channel.arguments(self.language, str(folder), "f", 1)
        command = [sys.executable, str(kit / "main.py"), *words]
        program = Program.__new__(Program)
        program.process = subprocess.Popen(
            command, pass_fds=channel.fds, stderr=subprocess.DEVNULL, env=self.environment
        )
        self._programs.append(program)
        channel.load(program, 10.0)
        return channel

    def ready(self, source: str, n: int = N) -> Channel:
        channel = self.start(source, self.channel())
        channel.bind([n], shapes(n))
        return channel

    def close(self) -> None:
        for program in self._programs:
            program.kill()
        for channel in self._channels:
            channel.close()


needs_card = pytest.mark.skipif(not cards(), reason="needs an NVIDIA card")


@pytest.fixture(
    params=[
        "host",
        pytest.param("stand-in", marks=[pytest.mark.slow, needs_nvrtc]),
        pytest.param("card", marks=[pytest.mark.gpu, needs_card]),
    ]
)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        made = Bench(request.param, tmp_path, stack)
        stack.callback(made.close)
        yield made


def shapes(n: int) -> dict[str, tuple[int, ...]]:
    return {"x": (n,), "h": (n, 2), "y": (n,), "z": (n,)}


def numbers(n: int = N) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng()
    return {
        "x": rng.random(n, dtype=np.float32),
        "h": rng.random((n, 2), dtype=np.float32).astype("bfloat16"),
    }


def test_a_call_sees_fresh_inputs_and_its_outputs_come_back(bench: Bench) -> None:
    channel = bench.ready(RIGHT)
    for cold in (False, False, True):
        inputs = numbers()
        seconds, outputs = channel.call(inputs, SECOND, cold=cold)
        assert 0 < seconds < 1
        np.testing.assert_array_equal(outputs["y"], 2 * inputs["x"])
        halves = inputs["h"].astype(np.float32)
        np.testing.assert_array_equal(outputs["z"], (halves[:, 0] + halves[:, 1]).astype(np.float16))


@pytest.mark.slow
def test_empty_tensors_are_passed_as_such(bench: Bench) -> None:
    channel = bench.ready(
        "def f(x, h, y, z):\n    assert x.shape == y.shape == (0,) and h.shape == (0, 2)\n", 0
    )
    _, outputs = channel.call(numbers(0), SECOND)
    assert outputs["y"].shape == outputs["z"].shape == (0,)


def test_an_unwritten_element_is_told_from_a_nan_that_was_computed(bench: Bench) -> None:
    channel = bench.ready("def f(x, h, y, z):\n    y[0] = 1\n    y[1] = z[0] = float('nan')\n", 4)
    _, outputs = channel.call(numbers(4), SECOND)
    assert channel.unwritten(outputs["y"]).tolist() == [False, False, True, True]
    assert channel.unwritten(outputs["z"]).tolist() == [False, True, True, True]


@pytest.mark.slow
def test_the_poison_changes_with_every_call(bench: Bench) -> None:
    channel = bench.ready("def f(x, h, y, z):\n    pass\n", 4)
    seen = {int(channel.call(numbers(4), SECOND)[1]["y"].view(np.uint32)[0]) for _ in range(20)}
    assert len(seen) > 15


ADDRESS = """
try:
    import cupy
    poke = cupy.cuda.runtime.memset
except ImportError:
    import ctypes
    poke = ctypes.memset
def at(a):
    return a.data.ptr if hasattr(a.data, "ptr") else a.ctypes.data
"""


@pytest.mark.slow
def test_the_addresses_change_from_call_to_call_and_stay_when_asked(bench: Bench) -> None:
    source = f"{ADDRESS}def f(x, h, y, z):\n    y[0], y[1] = at(x) % 2**22 // 64, at(y) % 2**22 // 64\n"
    channel = bench.ready(source)
    inputs = numbers()

    def places(count: int, *, same: bool) -> set[tuple[float, ...]]:
        calls = (channel.call(inputs, SECOND, same_place=same) for _ in range(count))
        return {tuple(outputs["y"][:2].tolist()) for _, outputs in calls}

    assert len(places(30, same=False)) > 5
    assert len(places(5, same=True)) == 1


FAR = ("n + 31", "-32")


@pytest.mark.parametrize("place", ["n", "-1", *(pytest.param(far, marks=pytest.mark.slow) for far in FAR)])
def test_a_write_beside_an_output_is_noticed_on_either_side(bench: Bench, place: str) -> None:
    source = f"{ADDRESS}{RIGHT}    n = y.size\n    poke(at(y) + 4 * ({place}), 0x55, 4)\n"
    with pytest.raises(Failed, match="wrote_outside"):
        bench.ready(source).call(numbers(), SECOND)


FORGER = """
import ctypes, time
pages = [line.split("-")[0] for line in open("/proc/self/maps") if "memfd:replies" in line]
page = (ctypes.c_uint64 * 512).from_address(int(pages[0], 16))
"""


@pytest.mark.slow
def test_what_is_written_after_the_answer_does_not_count(bench: Bench) -> None:
    late = "    time.sleep(0.05)\n    y[:] = 2 * x\n"
    channel = bench.ready(f"{FORGER}def f(x, h, y, z):\n    page[1] += 1 << 8\n{late}")
    _, outputs = channel.call(numbers(), SECOND)
    assert channel.unwritten(outputs["y"]).all()


def test_what_is_written_while_the_guest_is_being_frozen_does_not_count(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    source = f"{FORGER}def f(x, h, y, z):\n    page[1] += 1 << 8\n    time.sleep(0.02)\n    y[:] = 2 * x\n"
    channel = bench.ready(source)
    freeze = Program.freeze
    monkeypatch.setattr(Program, "freeze", lambda program: (time.sleep(0.2), freeze(program)))
    _, outputs = channel.call(numbers(), SECOND)
    assert channel.unwritten(outputs["y"]).sum() > 0


@pytest.mark.slow
def test_a_later_process_finds_nothing_of_an_earlier_one(bench: Bench) -> None:
    channel = bench.ready(RIGHT)
    channel.call(numbers(), SECOND)
    looks = (
        "import ctypes\nfound = 0\n"
        "def f(x, h, y, z):\n    y[0] = found\n"
        "for line in open('/proc/self/maps'):\n"
        "    if 'memfd:inputs' in line or 'memfd:outputs' in line or 'memfd:device' in line:\n"
        "        low, high = (int(word, 16) for word in line.split()[0].split('-'))\n"
        "        found += sum(bytes((ctypes.c_char * (high - low)).from_address(low)))\n"
    )
    bench.start(looks, channel)
    channel.bind([N], shapes(N))
    _, outputs = channel.call(numbers(), SECOND)
    assert outputs["y"][0] == 0


@pytest.mark.slow
def test_two_sides_can_exchange_their_memory_between_guests(bench: Bench) -> None:
    one, other = bench.channel(), bench.channel()
    one.exchange_memory(other)
    for channel in (one, other):
        bench.start(RIGHT, channel)
        channel.bind([N], shapes(N))
    inputs = numbers()
    for channel in (one, other):
        np.testing.assert_array_equal(channel.call(inputs, SECOND)[1]["y"], 2 * inputs["x"])


@pytest.mark.slow
def test_an_input_that_is_written_ends_the_attempt(bench: Bench) -> None:
    """In host memory at once, by a signal; on a card where it is refused, or else after the call."""
    source = f"{ADDRESS}def f(x, h, y, z):\n    poke(at(x), 0, 4)\n"
    with pytest.raises(Failed, match=r"SIGSEGV|wrote_input|raised"):
        bench.ready(source).call(numbers(), SECOND)


def test_an_empty_call_tells_what_the_channel_adds(bench: Bench) -> None:
    channel = bench.ready(RIGHT)
    assert all(0 < channel.empty_call() < 1 for _ in range(10))
