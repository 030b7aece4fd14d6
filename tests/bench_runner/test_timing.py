"""The plan of the timing phase: pairs, rounds, inputs, budget, blame. With sides whose speed is given."""

from __future__ import annotations

import dataclasses
import gc
import itertools
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench_runner import noise, stats, timing
from bench_runner.calibration import WORKING_SETS, Calibration, Level
from bench_runner.channel import Limit
from bench_runner.contract import ProgressEvent, Speed
from bench_runner.errors import InfrastructureFault
from bench_runner.failure import Cancelled, Failed
from bench_runner.fingerprint import Machine
from bench_runner.guests import Clocks
from bench_runner.pool import Oracle, Pool
from bench_runner.progress import Progress
from bench_runner.timing import Timed, Timing
from bench_runner.workspace import Revision
from tasks.spec import Case, Task, load_folder

FOLDER = Path(__file__).parents[1] / "adversary" / "task" / "mirror-add"
QUIET = noise.Noise(0.0, 0.0)
LOUD = noise.Noise(0.5, 0.0)
LOUDER = noise.Noise(0.7, 0.0)


SEEDS = itertools.count(7)


class Pace:
    """A side that needs `seconds` a call, give or take; its answers are right unless told otherwise."""

    def __init__(self, seconds: float, spread: float = 0.001) -> None:
        self.seconds, self.spread = seconds, spread
        self.channel = self
        self.guest = self
        self.pid = os.getpid()
        self.where = ""
        self.random = random.Random(next(SEEDS))
        self.processes = 0
        self.met: list[bytes] = []
        self.loads: Callable[[], None] = lambda: None
        self.answers = True

    def start(self) -> None:
        self.processes += 1
        self.met = []

    def load(self) -> None:
        self.loads()

    def stop(self) -> bytes:
        return b""

    def bind(self, case: Case) -> None:
        pass

    def empty_call(self) -> float:
        return 4e-6

    def unwritten(self, output: np.ndarray) -> np.ndarray:
        return np.zeros(output.shape, bool)

    def call(self, inputs: dict[str, np.ndarray], limit: Limit) -> tuple[float, dict[str, np.ndarray]]:
        x = inputs["x"]
        key = x[:8].tobytes()
        assert key not in self.met, "an input was used twice in one process"
        self.met.append(key)
        y = x + x[::-1] * np.float32(0.5) if self.answers else np.zeros_like(x)
        return self.seconds * (1 + self.random.gauss(0, self.spread)), {"y": y}


@pytest.fixture
def task() -> Task:
    task = load_folder(FOLDER)
    rank = tuple(Case(f"r{n}", "rank", {"n": n}) for n in (101, 103))
    return dataclasses.replace(task, cases=rank)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "between", lambda start, end: QUIET)


def _machine(rate: float = 1e15) -> Machine:
    levels = tuple(Level(size, copy=rate, read=rate) for size in WORKING_SETS)
    return Machine("cpu", {}, Calibration("test", flops=rate, levels=levels, load=0.0))


def _time(
    task: Task,
    baseline: Pace,
    candidate: Pace,
    *,
    machine: Machine | None = None,
    report: Callable[[ProgressEvent], None] = lambda event: None,
    cancelled: Callable[[], bool] = lambda: False,
    all_pairs: bool = False,
) -> Timed:
    oracle = Oracle(Revision(task, FOLDER))
    pools = [Pool(oracle, case) for case in task.cases]
    sides: Any = {"baseline": baseline, "candidate": candidate}
    progress = Progress(report, cancelled)
    timing = Timing(task, sides, pools, machine or _machine(), progress, Clocks(), all_pairs=all_pairs)
    return timing.run()


def test_the_ratio_is_baseline_over_candidate_with_an_interval_around_it(task: Task):
    timed = _time(task, Pace(0.003), Pace(0.0027, 0.002))
    assert timed.summary.speed is Speed.FASTER
    assert timed.summary.low < 1 / 0.9 < timed.summary.high
    assert timed.summary.stopped == "narrow"
    assert [m.case for m in timed.measurements] == ["r101", "r103"]


def test_ten_fresh_pairs_of_processes_are_timed_and_every_sample_is_kept(task: Task):
    baseline, candidate = Pace(0.003), Pace(0.003)
    timed = _time(task, baseline, candidate)
    assert timed.summary.speed is Speed.SAME
    assert (baseline.processes, candidate.processes) == (10, 10)
    for measurement in timed.measurements:
        assert [{name: len(s) for name, s in pair.items()} for pair in measurement.pairs] == [
            {"baseline": timing.ROUNDS, "candidate": timing.ROUNDS}
        ] * stats.PAIRS


def test_the_slower_sides_sample_lasts_ten_milliseconds_or_more(task: Task):
    assert _time(task, Pace(0.003), Pace(0.001)).measurements[0].calls_per_sample == 4
    assert _time(task, Pace(0.001), Pace(0.006)).measurements[0].calls_per_sample == 2


def test_very_short_calls_of_large_inputs_are_bounded_by_the_pool(task: Task):
    large = Case("large", "rank", {"n": 4_000_000})
    assert timing.calls_for(task, large, seconds=1e-4) == 1
    assert timing.calls_for(task, task.cases[0], seconds=1e-7) == timing.MOST_CALLS


def test_a_clear_result_stops_after_five_pairs(task: Task):
    candidate = Pace(0.001)
    timed = _time(task, Pace(0.003), candidate)
    assert candidate.processes == stats.EARLIEST_STOP
    assert timed.environment["pairs"] == stats.EARLIEST_STOP
    assert timed.summary.stopped == "narrow"


def test_a_confirmation_times_all_pairs_however_clear_the_result(task: Task):
    assert _time(task, Pace(0.003), Pace(0.001), all_pairs=True).environment["pairs"] == stats.PAIRS


def test_a_wide_interval_is_said_to_be_inconclusive(task: Task):
    events: list[ProgressEvent] = []
    timed = _time(task, Pace(0.003, 0.3), Pace(0.003, 0.3), report=events.append)
    assert timed.summary.speed is Speed.INCONCLUSIVE
    assert timed.summary.stopped == "pairs"
    assert timed.environment["pairs"] == stats.MOST_PAIRS
    assert (events[-1].done, events[-1].total) == (stats.MOST_PAIRS, stats.MOST_PAIRS)


def test_a_busy_machine_is_not_asked_for_more_pairs(task: Task, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(noise, "between", lambda start, end: LOUD)
    timed = _time(task, Pace(0.003, 0.3), Pace(0.003, 0.3))
    assert timed.environment["pairs"] == timed.environment["repeated_pairs"] == stats.PAIRS


def test_one_slow_case_is_named_although_the_mean_is_fine(task: Task, monkeypatch: pytest.MonkeyPatch):
    class Uneven(Pace):
        def bind(self, case: Case) -> None:
            self.seconds = 0.001 if case.id == "r101" else 0.004

    summary = _time(task, Pace(0.003), Uneven(0.001)).summary
    assert summary.speed is Speed.FASTER
    assert summary.floor_case == "r103"


def test_a_wrong_timed_output_is_a_wrong_answer(task: Task):
    candidate = Pace(0.003)
    candidate.answers = False
    with pytest.raises(Failed, match="wrong_value"):
        _time(task, Pace(0.003), candidate)


def test_a_baseline_that_fails_is_our_fault(task: Task):
    baseline = Pace(0.003)
    baseline.answers = False
    with pytest.raises(InfrastructureFault, match="The task's own baseline failed: wrong_value"):
        _time(task, baseline, Pace(0.003))


def test_a_candidate_that_fails_while_timed_is_told_so(task: Task):
    def fails() -> None:
        raise Failed("crashed", where="while loading", signal="SIGSEGV")

    candidate = Pace(0.003)
    candidate.loads = fails
    with pytest.raises(Failed, match="crashed"):
        _time(task, Pace(0.003), candidate)


def test_a_time_that_physics_forbids_is_suspicious(task: Task):
    with pytest.raises(Failed, match="faster_than_possible") as caught:
        _time(task, Pace(0.003), Pace(1e-9), machine=_machine(rate=1e6))
    assert caught.value.reason_args["floor"] > 1e-9


def test_a_loud_pair_is_timed_once_more_and_counted(task: Task, monkeypatch: pytest.MonkeyPatch):
    heard: Iterator[noise.Noise] = iter([LOUD, QUIET, QUIET, LOUD, LOUDER, *[QUIET] * 20])
    monkeypatch.setattr(noise, "between", lambda start, end: next(heard))
    candidate = Pace(0.003)
    timed = _time(task, Pace(0.003), candidate)
    assert timed.environment["repeated_pairs"] == 2
    assert timed.environment["pairs"] == stats.PAIRS
    assert candidate.processes == stats.PAIRS + 2
    assert timed.environment["others_cores"] == LOUD.others


class Slow(Pace):
    """Lets the clock of the phase run as if its calls took as long as they claim."""

    now = 1000.0

    def call(self, inputs: dict[str, np.ndarray], limit: Limit) -> tuple[float, dict[str, np.ndarray]]:
        seconds, outputs = super().call(inputs, limit)
        Slow.now += seconds
        return seconds, outputs


@pytest.fixture
def phase_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        perf_counter = staticmethod(lambda: Slow.now)

    monkeypatch.setattr(timing, "time", Clock)


@pytest.mark.usefixtures("phase_clock")
def test_the_budget_ends_the_timing_with_the_pairs_that_are_complete(task: Task):
    limits = dataclasses.replace(task.limits, time_seconds=3.0)
    timed = _time(dataclasses.replace(task, limits=limits), Slow(0.02, 0.2), Slow(0.02, 0.2))
    assert stats.FEWEST_PAIRS <= timed.environment["pairs"] < stats.PAIRS
    assert timed.summary.stopped == "budget"


@pytest.mark.usefixtures("phase_clock")
def test_a_candidate_too_slow_to_be_measured_runs_into_the_time_limit(task: Task):
    limits = dataclasses.replace(task.limits, time_seconds=2.0)
    with pytest.raises(Failed, match="timing_time_limit"):
        _time(dataclasses.replace(task, limits=limits), Slow(0.01), Slow(0.5))


@pytest.mark.usefixtures("phase_clock")
def test_a_candidate_that_spends_the_budget_loading_runs_into_the_time_limit(task: Task):
    def dawdle() -> None:
        Slow.now += 0.9

    limits = dataclasses.replace(task.limits, time_seconds=2.0)
    candidate = Slow(0.0005)
    candidate.loads = dawdle
    with pytest.raises(Failed, match="timing_time_limit"):
        _time(dataclasses.replace(task, limits=limits), Slow(0.001), candidate)


@pytest.mark.usefixtures("phase_clock")
def test_a_budget_too_small_for_the_baseline_itself_is_our_fault(task: Task):
    limits = dataclasses.replace(task.limits, time_seconds=2.0)
    with pytest.raises(InfrastructureFault, match=r"raise limits\.time_seconds"):
        _time(dataclasses.replace(task, limits=limits), Slow(0.5), Slow(0.5))


def test_every_pair_is_reported_and_a_cancelled_job_stops(task: Task):
    events: list[ProgressEvent] = []
    with pytest.raises(Cancelled):
        _time(task, Pace(0.003), Pace(0.003), report=events.append, cancelled=lambda: len(events) == 4)
    assert [(event.done, event.total) for event in events] == [(n, 10) for n in (1, 2, 3, 4)]
    assert all(0.9 < event.note["ratio"] < 1.1 for event in events)


def test_the_measuring_leaves_processors_and_collector_as_they_were(task: Task):
    before = os.sched_getaffinity(0)
    _time(task, Pace(0.003), Pace(0.001))
    assert os.sched_getaffinity(0) == before
    assert gc.isenabled()
