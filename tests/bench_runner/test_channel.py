"""The shared memory and its protocol, with a real guest process but without a sandbox around it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tasks.abi
from bench_runner.channel import Channel, Limit
from bench_runner.devices.host import HostMemory, poison
from bench_runner.endings import Facts
from bench_runner.errors import InfrastructureFault
from bench_runner.failure import Failed
from bench_runner.guest import records as r
from bench_runner.memory import Shared
from bench_runner.placement import Placement
from bench_runner.sandbox import End
from bench_runner.watched import WITNESSES
from tasks.spec import Tensor

TENSORS = (
    Tensor("x", "input", "float32", ("n",)),
    Tensor("y", "output", "float32", ("n",)),
)
JUDGE = """
import time
from bench_runner.awake import awake
with awake({}):
    print(flush=True)
    time.sleep(60)
"""
SECOND = Limit(1.0, "call_time_limit", {"where": "here", "seconds": 1.0})
DOUBLE = "import numpy as np\ndef f(x, y):\n    np.multiply(x, 2, out=y)\n"


class Program:
    """A guest without a cage; the channel cannot tell."""

    log_dropped = 0

    def __init__(self, command: list[str], fds: tuple[int, ...]) -> None:
        self.process = subprocess.Popen(
            command, pass_fds=fds, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def poll(self) -> End | None:
        code = self.process.poll()
        if code is None:
            return None
        return End("signalled", -code, 0.1, None) if code < 0 else End("exited", code, 0.1, None)

    def freeze(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)
        stat = Path(f"/proc/{self.process.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] not in "TZ":
            pass

    def thaw(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def refused_processes(self) -> int:
        return 0

    def naps(self, seconds: float = 10.0) -> bool:
        """Whether it lets others have its CPU, time and again, sooner or later."""
        status, end = Path(f"/proc/{self.process.pid}/status"), time.monotonic() + seconds

        def naps_taken() -> int:
            return int(re.findall(r"^voluntary_ctxt_switches:\s*(\d+)$", status.read_text(), re.MULTILINE)[0])

        before = naps_taken()
        while naps_taken() < before + 5 and time.monotonic() < end:
            time.sleep(0.01)
        return naps_taken() >= before + 5

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


Start = Callable[[str], tuple[Channel, Program]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a guest on a Python submission with this source."""
    started: list[tuple[Channel, Program]] = []

    def begin(source: str) -> tuple[Channel, Program]:
        kit, folder = tmp_path / "guest", tmp_path / f"submission{len(started)}"
        kit.mkdir(exist_ok=True)
        folder.mkdir()
        for file in (*Path(r.__file__).parent.glob("*.py"), tasks.abi.__file__):
            (kit / Path(file).name).write_bytes(Path(file).read_bytes())
        (folder / "solution.py").write_text(source)
        channel = Channel(
            TENSORS, HostMemory(TENSORS, 4 * 1000, 4 * 1000), Facts("f", "solution.py", 64, 32, 60.0)
        )
        channel.renew()
        arguments = channel.arguments("python", str(folder), "f", 1)
        program = Program([sys.executable, str(kit / "main.py"), *arguments], channel.fds)
        started.append((channel, program))
        return channel, program

    yield begin
    for channel, program in started:
        program.kill()
        channel.close()


def _loaded(start: Start, source: str, n: int = 1000) -> Channel:
    channel, program = start(source)
    channel.load(program, 10.0)
    channel.bind([n], {"x": (n,), "y": (n,)})
    return channel


def _numbers(n: int = 1000) -> np.ndarray:
    return np.random.default_rng().random(n, dtype=np.float32)


def test_a_call_gives_the_answer_and_its_seconds(start: Start):
    channel = _loaded(start, DOUBLE)
    for _ in range(5):
        x = _numbers()
        seconds, outputs = channel.call({"x": x}, SECOND)
        assert 0 < seconds < 1
        np.testing.assert_array_equal(outputs["y"], 2 * x)


def test_our_cpu_is_free_for_the_first_half_of_calls_that_have_all_been_long(
    start: Start, monkeypatch: pytest.MonkeyPatch
):
    channel = _loaded(start, "import time\ndef f(x, y):\n    time.sleep(0.04)\n    y[:] = 2 * x\n")
    slept: list[float] = []
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: (slept.append(seconds), sleep(seconds)))

    def half() -> float:
        """Seconds of a call that we slept through before we looked for its answer."""
        slept.clear()
        seconds, _ = channel.call({"x": _numbers()}, SECOND)
        assert seconds > 0.04
        return max(slept, default=0.0)

    assert half() < 0.001
    assert 0.02 < half() < 1
    channel.bind([1000], {"x": (1000,), "y": (1000,)})
    assert half() < 0.001, "another case may be quicker"


def test_what_was_not_written_is_told_from_a_nan_that_was_computed(start: Start):
    source = "def f(x, y):\n    y[0] = 1\n    y[1] = float('nan')\n"
    channel = _loaded(start, source, n=4)
    _, outputs = channel.call({"x": _numbers(4)}, SECOND)
    assert channel.unwritten(outputs["y"]).tolist() == [False, False, True, True]


def test_the_poison_changes_with_every_call(start: Start):
    channel = _loaded(start, "def f(x, y):\n    pass\n", n=4)
    seen = set()
    for _ in range(20):
        _, outputs = channel.call({"x": _numbers(4)}, SECOND)
        seen.add(int(outputs["y"].view(np.uint32)[0]))
    assert len(seen) > 15


def test_the_addresses_change_from_call_to_call_and_stay_when_asked(start: Start):
    source = "def f(x, y):\n    y[0] = x.ctypes.data % 2**22 // 64\n    y[1] = y.ctypes.data % 2**22 // 64\n"
    channel = _loaded(start, source, n=2)

    def places(count: int, *, same: bool) -> set[tuple[float, ...]]:
        calls = (channel.call({"x": _numbers(2)}, SECOND, same_place=same) for _ in range(count))
        return {tuple(outputs["y"].tolist()) for _, outputs in calls}

    assert len(places(30, same=False)) > 5
    assert len(places(5, same=True)) == 1


def test_an_exception_of_the_submission_is_said_by_its_name(start: Start):
    with pytest.raises(Failed, match="raised") as caught:
        _loaded(start, "def f(x, y):\n    raise ValueError\n").call({"x": _numbers()}, SECOND)
    assert caught.value.reason == "raised"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import nothing_of_this_name\n", "load_failed"),
        ("def g(x, y):\n    pass\n", "entry_missing"),
        ("raise SystemExit(7)\n", "exited"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", "crashed"),
    ],
)
def test_a_submission_that_does_not_load_says_why(start: Start, source: str, reason: str):
    channel, program = start(source)
    with pytest.raises(Failed, match=reason) as caught:
        channel.load(program, 10.0)
    assert caught.value.reason == reason


def test_a_guest_that_is_left_without_a_turn_keeps_its_cpu_from_nobody(start: Start):
    channel, program = start(DOUBLE)
    channel.load(program, 10.0)
    program.thaw()  # as when the judge is killed
    assert program.naps()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may go before others")
def test_a_judge_that_is_killed_ends_though_its_guest_goes_before_its_threads(start: Start):
    """Until the last thread has ended nobody can bury it, and its slot is taken."""
    last = max(os.sched_getaffinity(0))
    channel, program = start(DOUBLE)
    channel.load(program, 10.0)
    os.sched_setaffinity(program.process.pid, {last})
    with subprocess.Popen([sys.executable, "-c", JUDGE.format(last)], stdout=subprocess.PIPE) as judge:
        assert judge.stdout is not None
        judge.stdout.readline()
        Placement().prefer(program.process.pid)
        program.thaw()
        time.sleep(0.05)  # it is at the CPU, spinning
        judge.kill()
        try:
            assert judge.wait(5) == -signal.SIGKILL
        finally:
            program.kill()


def test_a_call_that_takes_too_long_ends_at_its_limit(start: Start):
    channel = _loaded(start, "import time\ndef f(x, y):\n    time.sleep(5)\n")
    begin = time.monotonic()
    with pytest.raises(Failed, match="call_time_limit"):
        channel.call({"x": _numbers()}, Limit(0.2, "call_time_limit", {"where": "here", "seconds": 0.2}))
    assert 0.2 <= time.monotonic() - begin < 4.5  # the call would take 5


def test_a_guest_that_dies_in_a_call_is_noticed_long_before_the_limit(start: Start):
    channel = _loaded(start, "import os\ndef f(x, y):\n    os.abort()\n")
    begin = time.monotonic()
    with pytest.raises(Failed, match="SIGABRT"):
        channel.call({"x": _numbers()}, replace(SECOND, seconds=20.0))
    assert time.monotonic() - begin < 15


FORGER = """
import ctypes
pages = [line.split("-")[0] for line in open("/proc/self/maps") if "memfd:replies" in line]
page = (ctypes.c_uint64 * 512).from_address(int(pages[0], 16))
def f(x, y):
    {}
"""


@pytest.mark.parametrize(
    "forgery",
    ["page[0] += 1", "page[7] = 1", "page[511] = 1", "page[1] += 2 << 8", "page[1] = 0xdeadbeef"],
    ids=["another nonce", "a word more", "the last word", "a later turn", "nonsense"],
)
def test_a_reply_page_that_an_honest_guest_would_not_leave_ends_the_attempt(start: Start, forgery: str):
    channel = _loaded(start, FORGER.format(f"{forgery}\n    import time\n    time.sleep(0.05)"))
    with pytest.raises(Failed, match="broken_protocol"):
        channel.call({"x": _numbers()}, SECOND)


def test_an_early_answer_to_the_right_turn_leaves_the_output_unwritten(start: Start):
    source = FORGER.format("page[1] += 1 << 8\n    import time\n    time.sleep(0.05)\n    y[:] = 2 * x")
    channel = _loaded(start, source)
    _, outputs = channel.call({"x": _numbers()}, SECOND)
    assert channel.unwritten(outputs["y"]).all()


def test_what_is_written_while_the_guest_is_being_frozen_does_not_count(
    start: Start, monkeypatch: pytest.MonkeyPatch
):
    source = FORGER.format("page[1] += 1 << 8\n    import time\n    time.sleep(0.02)\n    y[:] = 2 * x")
    channel = _loaded(start, source)
    freeze = Program.freeze
    monkeypatch.setattr(Program, "freeze", lambda program: (time.sleep(0.2), freeze(program)))
    _, outputs = channel.call({"x": _numbers()}, SECOND)
    assert 0 < channel.unwritten(outputs["y"]).sum() <= WITNESSES


@pytest.mark.parametrize("place", ["n", "n + 31", "-1", "-32"])
def test_a_write_beside_the_output_is_noticed_on_either_side(start: Start, place: str):
    source = (
        "import ctypes\ndef f(x, y):\n    y[:] = x\n    n = y.size\n"
        f"    ctypes.memset(y.ctypes.data + 4 * ({place}), 0x55, 4)\n"
    )
    with pytest.raises(Failed, match="wrote_outside"):
        _loaded(start, source).call({"x": _numbers()}, SECOND)


def test_what_lies_beside_an_input_is_new_in_every_call(start: Start):
    source = (
        "import ctypes\ndef f(x, y):\n"
        "    y.view('u4')[:32] = (ctypes.c_uint32 * 32).from_address(x.ctypes.data - 128)\n"
        "    y.view('u4')[32:64] = (ctypes.c_uint32 * 32).from_address(x.ctypes.data + x.nbytes)\n"
    )
    channel = _loaded(start, source)
    seen = [bytes(channel.call({"x": _numbers()}, SECOND, same_place=True)[1]["y"][:64]) for _ in range(3)]
    assert len(set(seen)) == 3
    assert all(len(set(each)) > 50 for each in seen)


def test_a_guest_cannot_write_its_input(start: Start):
    source = "import ctypes\ndef f(x, y):\n    ctypes.memset(x.ctypes.data, 0, 4)\n"
    with pytest.raises(Failed, match="SIGSEGV"):
        _loaded(start, source).call({"x": _numbers()}, SECOND)


def test_a_later_process_finds_nothing_of_an_earlier_one(start: Start):
    channel = _loaded(start, DOUBLE)
    channel.call({"x": _numbers()}, SECOND)
    channel.renew()
    assert not any(np.frombuffer(os.pread(fd, 1 << 24, 0), np.uint8).any() for fd in channel.fds)


def test_an_empty_call_is_answered_and_its_cost_is_known(start: Start):
    channel = _loaded(start, DOUBLE)
    assert all(0 < channel.empty_call() < 1 for _ in range(50))


def test_a_guest_of_ours_that_does_not_come_up_is_our_fault(tmp_path: Path):
    channel = Channel(TENSORS, HostMemory(TENSORS, 4, 4), Facts("f", "solution.py", 64, 32, 60.0))
    channel.renew()
    program = Program([sys.executable, "-c", "raise SystemExit(3)"], channel.fds)
    with pytest.raises(InfrastructureFault, match="exited with 3"):
        channel.load(program, 10.0)
    channel.close()


def test_sealed_memory_can_be_neither_resized_nor_written_by_whoever_gets_the_descriptor():
    shared = Shared("inputs", 4096, guest_writes=False)
    with pytest.raises(PermissionError):
        os.ftruncate(shared.fd, 0)
    with pytest.raises(PermissionError):
        os.pwrite(shared.fd, b"x", 0)
    shared.bytes[0] = 7  # the parent's own mapping is older than the seal
    assert os.pread(shared.fd, 1, 0) == b"\x07"
    shared.close()


def test_the_poison_is_a_nan_in_every_dtype_of_the_tasks():
    for dtype in ("bfloat16", "float16", "float32", "float64"):
        output = np.zeros(5, dtype)
        poison(output, 12345)
        assert np.isnan(output).all()
