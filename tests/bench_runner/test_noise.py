"""What is counted as ours, as others', as the machine's own pace."""

from __future__ import annotations

import math
import subprocess
import sys
import time

import pytest

from bench_runner import noise
from bench_runner.noise import Moment, Noise, Pace
from bench_runner.sandbox import Limits, Sandbox, python_executable, python_runtime

SPIN = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass\n"
CHILD = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {SPIN!r}])\n"
DAEMON = f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {SPIN!r}])\ntime.sleep(9)\n"


@pytest.mark.slow
@pytest.mark.sandbox
@pytest.mark.parametrize("program", [SPIN + "time.sleep(9)", CHILD + "\nimport time; time.sleep(9)", DAEMON])
def test_what_a_guest_and_its_children_use_is_the_guests_own(program: str, sandbox: Sandbox) -> None:
    """Children too that nobody has waited for: a guest must not be able to make a pair loud."""
    limits = Limits(memory_bytes=256 * 2**20, processes=8, wall_seconds=30, log_bytes=4096)
    command = [python_executable(), "-I", "-S", "-c", program]
    with sandbox.start(command, mounts=python_runtime(), limits=limits) as guest:
        until = time.monotonic() + 20
        while guest.cpu_seconds() < 0.38 and time.monotonic() < until:
            assert guest.poll() is None
            time.sleep(0.02)
        assert 0.38 <= guest.cpu_seconds() < 2.0


class Nobody:
    def cpu_seconds(self) -> float:
        return 0.0


def test_another_process_is_heard_and_we_ourselves_are_not() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        start = noise.moment([Nobody()])
        time.sleep(0.6)
        heard = noise.between(start, noise.moment([Nobody()]))
        other.kill()
    assert heard.others > 0.2
    assert heard.loudness > 1
    start = noise.moment([Nobody()])
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    after = noise.moment([Nobody()])
    assert after.ours - start.ours > 0.1


@pytest.mark.parametrize(
    ("others", "stolen", "loud"),
    [(0.0, 0.0, False), (0.1, 0.0, False), (0.5, 0.0, True), (0.0, 0.005, False), (0.0, 0.1, True)],
)
def test_a_fifth_of_a_core_or_a_stolen_hundredth_is_loud(others: float, stolen: float, loud: bool) -> None:
    start = Moment(0.0, 0.0, 0.0, 0.0)
    heard = noise.between(start, Moment(10.0, 10 * (1 + others + stolen), 10 * stolen, 10.0))
    assert (heard.loudness > 1) is loud


def test_two_ticks_are_no_evidence_of_anybody() -> None:
    heard = noise.between(Moment(0.0, 0.0, 0.0, 0.0), Moment(0.05, 0.07, 0.01, 0.05))
    assert heard.loudness == pytest.approx(0.0)


def test_both_sides_together_slower_is_the_machine_one_side_alone_is_not() -> None:
    usual = Pace(0.0, 1.0)
    assert Pace(0.3, 1.4).shift(usual) == pytest.approx(0.3)
    assert Pace(-0.3, 0.9).shift(usual) == pytest.approx(0.1)
    assert Pace(0.0, 2.0).shift(usual) == 0.0
    assert Pace(0.3, 0.7).shift(usual) == 0.0


def test_the_pace_is_off_when_enough_pairs_before_tell_what_is_usual() -> None:
    slow = Pace(math.log(1.5), math.log(1.5))
    assert noise.off_pace(slow, [Pace(0.0, 0.0)] * 2) == 0.0
    assert Noise(0, 0, noise.off_pace(slow, [Pace(0.0, 0.0)] * 3)).loudness > 1


@pytest.mark.parametrize(("factor", "drifts"), [(1.0, False), (1.1, False), (1.4, True), (1 / 1.4, True)])
def test_a_job_drifts_when_its_second_half_ran_at_another_speed(factor: float, drifts: bool) -> None:
    step = math.log(factor)
    paces = [Pace(0.01 * (n % 3) + step * (n >= 5), 0.01 * (n % 2) + step * (n >= 5)) for n in range(10)]
    assert (noise.drift(paces) > noise.DRIFT) is drifts
