"""Where the judge runs while it measures, and that everything is afterwards as it was."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench_runner import placement
from bench_runner.awake import awake
from bench_runner.placement import FIRST, Placement

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may go before others")


def _nice(pid: int = 0) -> int:
    return os.getpriority(os.PRIO_PROCESS, pid)


def _is_real_time() -> bool:
    return os.sched_getscheduler(0) == os.SCHED_FIFO


@pytest.fixture(params=[True, False])
def apart(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether guests have a CPU to themselves."""
    cpus = tuple(sorted(os.sched_getaffinity(0)))
    monkeypatch.setattr(placement, "measuring_cpus", lambda: (cpus[-1:] if request.param else None, cpus[:1]))
    return bool(request.param)


@pytest.fixture
def other() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


@root
def test_a_guest_goes_before_others_unless_the_judge_needs_its_cpu(apart: bool, other: int) -> None:
    Placement().prefer(other)
    assert _nice(other) == (FIRST if apart else 0)


@root
def test_a_guest_goes_before_others_from_inside_the_measuring_too(other: int) -> None:
    """There the judge has fewer CPUs to count, and would take the machine for one with a lone CPU."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one CPU")
    chosen = Placement()
    with chosen.undisturbed():
        chosen.prefer(other)
        with chosen.first():
            assert _is_real_time()
    assert _nice(other) == FIRST


@root
def test_the_judge_goes_before_others_during_a_call_only(apart: bool) -> None:
    with Placement().first():
        assert _is_real_time() is apart
    assert not _is_real_time()


def test_whoever_may_not_ask_for_it_measures_at_the_usual_priority(
    monkeypatch: pytest.MonkeyPatch, other: int
) -> None:
    usual = _nice()

    def refuse(which: int, who: int, nice: int) -> None:
        if nice < usual:
            raise PermissionError

    def refuse_real_time(who: int, policy: int, param: os.sched_param) -> None:
        if policy == os.SCHED_FIFO:
            raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    monkeypatch.setattr(os, "sched_setscheduler", refuse_real_time)
    Placement().prefer(other)
    with Placement().first():
        assert _nice() == usual
        assert not _is_real_time()


def test_a_guest_that_is_gone_already_is_no_trouble() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    Placement().prefer(gone.pid)


def _session(pid: int) -> int:
    return int(Path(f"/proc/{pid}/autogroup").read_text().split()[-1])


sessions = pytest.mark.skipif(
    os.geteuid() != 0 or not placement._session(), reason="no sessions that share the time"
)


@root
@pytest.mark.parametrize("kept_in_none", [True, False])
def test_where_no_session_shares_the_time_the_judge_goes_first_all_the_same(
    kept_in_none: bool, apart: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    autogroup = tmp_path / "autogroup"
    if kept_in_none:  # as Linux has it for what was started outside of any; else it knows no sessions at all
        autogroup.touch()
    monkeypatch.setattr(placement, "SESSION", str(autogroup))
    chosen = Placement()
    with chosen.undisturbed(), chosen.first():
        assert _is_real_time() is apart
        assert _spinning() == [], "a guest would be kept waiting for it"
    assert not kept_in_none or not autogroup.read_text()


@sessions
def test_where_sessions_share_the_time_a_guests_goes_first(apart: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    ) as it:
        while os.getsid(it.pid) != it.pid:
            time.sleep(0.001)
        Placement().prefer(it.pid)
        assert _session(it.pid) == (FIRST if apart else 0)
        it.kill()


@sessions
def test_a_process_of_our_own_session_does_not_put_that_first(apart: bool, other: int) -> None:
    usual = _session(os.getpid())
    Placement().prefer(other)
    assert _session(other) == usual


def _spinning() -> list[set[int]]:
    """Where threads of ours run that everybody else goes before."""
    threads = [int(name) for name in os.listdir("/proc/self/task")]
    return [os.sched_getaffinity(each) for each in threads if os.sched_getscheduler(each) == os.SCHED_IDLE]


def test_the_cpu_that_measures_is_kept_awake_behind_everybody_else(apart: bool) -> None:
    def soon(wanted: list[set[int]]) -> bool:
        until = time.monotonic() + 60  # on a busy machine such a thread begins, and ends, when it is let to
        while _spinning() != wanted and time.monotonic() < until:
            time.sleep(0.001)
        return _spinning() == wanted

    there = [{max(os.sched_getaffinity(0))}] if apart and placement._session() else []
    with Placement().undisturbed():
        assert soon(there)
    assert soon([])


def test_where_we_may_not_run_nothing_spins() -> None:
    before = time.process_time()
    with awake(max(os.sched_getaffinity(0)) + 1000):
        time.sleep(0.2)
    assert time.process_time() - before < 0.1


def test_processors_and_collector_are_afterwards_as_they_were(apart: bool) -> None:
    before = os.sched_getaffinity(0)
    with Placement().undisturbed():
        assert os.sched_getaffinity(0) == {min(before)}
        assert not gc.isenabled()
    assert os.sched_getaffinity(0) == before
    assert gc.isenabled()
