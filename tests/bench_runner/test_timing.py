"""The plan of the timing phase: pairs, rounds, inputs, budget, blame. With sides whose speed is given."""

from __future__ import annotations

import dataclasses
import gc
import itertools
import math
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest

from bench_runner import noise, stats, timing
from bench_runner.calibration import Calibration, Level, Peak
from bench_runner.channel import Limit, Placing
from bench_runner.contract import ProgressEvent, Speed
from bench_runner.errors import InfrastructureFault
from bench_runner.failure import Cancelled, Failed
from bench_runner.fingerprint import Machine
from bench_runner.guests import Clocks
from bench_runner.plan import FEWEST_ROUNDS, plan
from bench_runner.pool import Oracle, Pool
from bench_runner.progress import Progress
from bench_runner.roles import Roles
from bench_runner.timed import Timed
from bench_runner.timing import Timing
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
        self.pid = 2**31 - 1  # nobody: no priority is changed
        self.where = ""
        self.random = random.Random(next(SEEDS))
        self.processes = 0
        self.exchanges = 0
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

    def snapshot_cost(self) -> float:
        return 0.0

    def cpu_seconds(self) -> float:
        return 0.0

    def exchange_memory(self, other: Pace) -> None:
        self.exchanges += 1

    def unwritten(self, output: np.ndarray) -> np.ndarray:
        return np.zeros(output.shape, bool)

    def call(
        self, inputs: dict[str, np.ndarray], limit: Limit, placing: Placing
    ) -> tuple[float, dict[str, np.ndarray]]:
        x = inputs["x"]
        key = x[:8].tobytes()
        assert key not in self.met, "an input was used twice in one process"
        self.met.append(key)
        y = x + x[::-1] * np.float32(0.5) if self.answers else np.zeros_like(x)
        return self.seconds * math.exp(self.random.gauss(0, self.spread)), {"y": y}


@pytest.fixture
def task() -> Task:
    task = load_folder(FOLDER)
    rank = tuple(Case(f"r{n}", "rank", {"n": n}) for n in (101, 103))
    return dataclasses.replace(task, cases=rank)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "between", lambda start, end: QUIET)


def _machine(rate: float = 1e15) -> Machine:
    levels = (Level("memory", 2**28, copy=rate, read=rate),)
    return Machine("cpu", {}, Calibration("test", (Peak("vector", "f32", rate),), levels, load=0.0))


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
    timed = _time(task, Pace(0.003, 0.002), Pace(0.0027, 0.002))
    assert timed.summary.speed is Speed.FASTER
    assert timed.summary.low < 1 / 0.9 < timed.summary.high
    assert timed.summary.stopped == "narrow"
    assert [m.case for m in timed.measurements] == ["r101", "r103"]


def test_every_pair_is_two_fresh_processes_and_every_sample_is_kept(task: Task):
    baseline, candidate = Pace(0.003), Pace(0.003)
    timed = _time(task, baseline, candidate, all_pairs=True)
    assert timed.summary.speed is Speed.SAME
    assert (baseline.processes, candidate.processes) == (timing.PLAN, timing.PLAN)
    for measurement in timed.measurements:
        rounds = len(measurement.pairs[0]["baseline"])
        assert rounds >= FEWEST_ROUNDS
        assert [{name: len(s) for name, s in pair.items()} for pair in measurement.pairs] == [
            {"baseline": rounds, "candidate": rounds}
        ] * timing.PLAN


@pytest.mark.slow
def test_the_slower_sides_sample_lasts_fifty_microseconds_or_more(task: Task):
    roomy = dataclasses.replace(task.limits, time_seconds=1e6)  # also where what surrounds a call takes long
    task = dataclasses.replace(task, limits=roomy)
    assert _time(task, Pace(15e-6), Pace(10e-6)).measurements[0].calls_per_sample == 4
    assert _time(task, Pace(10e-6), Pace(30e-6)).measurements[0].calls_per_sample == 2
    assert _time(task, Pace(30e-6), Pace(60e-6)).measurements[0].calls_per_sample == 1


def test_both_sides_come_first_equally_often(task: Task):
    """In the rounds of a case, in the start of a pair, and on the buffers."""
    for seed in range(20):
        roles = Roles(random.Random(seed))
        first = roles.order("start")
        roles.next_pair()
        assert roles.order("start") == first[::-1]
    rounds = [plan(task, task.cases[0], seconds).rounds for seconds in (1e-5, 1e-3, 4e-3, 0.02, 0.4)]
    assert all(number % 2 == 0 for number in rounds)


def test_the_sides_change_buffers_so_that_neither_keeps_the_luckier_pages(task: Task):
    baseline = Pace(0.003)
    _time(task, baseline, Pace(0.003), all_pairs=True)
    assert timing.PLAN // 2 <= baseline.exchanges <= timing.PLAN


def test_a_pair_has_as_many_rounds_as_fit_and_a_slow_call_six(task: Task):
    rounds = [plan(task, task.cases[0], seconds).rounds for seconds in (0.001, 0.005, 0.05)]
    assert rounds == [40, 20, 6]


def test_a_short_call_has_more_rounds_unless_what_surrounds_it_takes_too_long(task: Task):
    rounds = [plan(task, task.cases[0], 1e-4, around=around).rounds for around in (2e-4, 1e-3, 3e-3)]
    assert rounds == [100, 66, 40]


def test_very_short_calls_are_bounded_in_number_and_by_the_pool(task: Task):
    large = Case("large", "rank", {"n": 1_000_000})
    short = plan(task, task.cases[0], 5e-6)
    assert plan(task, large, 1e-4).inputs <= 128 * 2**20 / 8e6
    assert (short.rounds, short.calls) == (100, 5)


@pytest.mark.slow
def test_a_baseline_below_two_empty_calls_is_not_ranked_and_the_task_is_to_blame(task: Task):
    with pytest.raises(InfrastructureFault, match=r"Case r10\d is too small.*7\.\d* µs, 8 µs are needed"):
        _time(task, Pace(7.5e-6), Pace(7.5e-6))
    assert _time(task, Pace(8.5e-6), Pace(8.5e-6)).summary.speed is Speed.SAME


def test_a_candidate_below_two_empty_calls_is_ranked_by_what_is_seen(task: Task):
    """Part of what is measured is the channel: the true ratio is larger, never smaller."""
    timed = _time(task, Pace(40e-6), Pace(5e-6))
    assert timed.summary.speed is Speed.FASTER
    assert timed.environment["channel_percent"] == pytest.approx(80, abs=1)


def test_a_small_budget_makes_fewer_calls(task: Task):
    assert plan(task, task.cases[0], 0.02, share=0.09).inputs == 4


def test_a_clear_result_stops_after_five_pairs(task: Task):
    candidate = Pace(0.001)
    timed = _time(task, Pace(0.003), candidate)
    assert candidate.processes == stats.LOOKS[0]
    assert timed.environment["pairs"] == stats.LOOKS[0]
    assert timed.summary.stopped == "narrow"


def test_a_confirmation_times_all_pairs_however_clear_the_result(task: Task):
    assert _time(task, Pace(0.003), Pace(0.001), all_pairs=True).environment["pairs"] == timing.PLAN


class Biased(Pace):
    """A side of which every other process is twice as quick: the pairs never agree, whatever the chance."""

    def start(self) -> None:
        super().start()
        self.seconds = 0.003 if self.processes % 2 else 0.006


def test_a_wide_interval_is_said_to_be_inconclusive(task: Task):
    events: list[ProgressEvent] = []
    timed = _time(task, Pace(0.0042), Biased(0.003), report=events.append)
    assert timed.summary.speed is Speed.INCONCLUSIVE
    assert timed.summary.stopped == "pairs"
    assert timed.environment["pairs"] == stats.LOOKS[-1]
    assert (events[-1].done, events[-1].total) == (stats.LOOKS[-1], stats.LOOKS[-1])


def test_a_busy_machine_is_neither_waited_for_nor_asked_for_more_pairs(
    task: Task, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(noise, "between", lambda start, end: LOUD)
    timed = _time(task, Pace(0.0042), Biased(0.003))
    assert timed.environment["pairs"] == timing.PLAN
    assert timed.environment["repeated_pairs"] == timing.VAIN
    assert timed.summary.speed is Speed.INCONCLUSIVE


class Moody(Pace):
    """A side on a machine that changes its speed for everybody at certain pairs."""

    def __init__(self, seconds: float, changes: dict[int, float]) -> None:
        super().__init__(seconds, 0.0002)
        self.usual, self.changes = seconds, changes

    def start(self) -> None:
        super().start()
        self.seconds = self.usual * self.changes.get(self.processes, self.seconds / self.usual)


def test_a_machine_that_changes_its_speed_is_timed_again_at_its_new_one(task: Task):
    sides = [Moody(0.003 * ratio, {3: 1.5}) for ratio in (1.0, 0.9)]
    timed = _time(task, *sides)
    assert timed.summary.speed is Speed.FASTER
    assert timed.environment["forgotten_pairs"] == 3
    assert timed.environment["drift_percent"] < 1
    seconds = [median(pair["baseline"]) for pair in timed.measurements[0].pairs]
    assert min(seconds) > 0.0044, "pairs of the quicker machine were counted"


@pytest.mark.slow
def test_a_machine_that_never_settles_ranks_nothing_and_blames_nobody(task: Task):
    restless = {number: 1.3 ** (number // 2) for number in range(200)}
    task = dataclasses.replace(task, limits=dataclasses.replace(task.limits, time_seconds=1e9))
    with pytest.raises(InfrastructureFault, match=r"changed its speed by \d+ % while it measured"):
        _time(task, *[Moody(0.003, restless) for _ in range(2)])


def test_a_speed_that_changes_because_others_come_and_go_is_no_drift_of_the_machine(
    task: Task, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(noise, "between", lambda start, end: LOUD)
    restless = {number: 1.3 ** (number // 2) for number in range(200)}
    timed = _time(task, *[Moody(0.003, restless) for _ in range(2)])
    assert timed.environment["forgotten_pairs"] == 0


def test_a_candidate_alone_that_changes_its_speed_is_no_drift_of_the_machine(task: Task):
    timed = _time(task, Pace(0.003), Moody(0.003, {3: 1.5}))
    assert timed.environment["forgotten_pairs"] == 0


def test_a_pair_that_met_a_slower_machine_is_timed_once_more(task: Task):
    sides = [Moody(0.003, {7: 1.5, 8: 1.0}) for _ in range(2)]
    timed = _time(task, *sides, all_pairs=True)
    assert timed.environment["repeated_pairs"] == 1
    seconds = [median(pair["baseline"]) for pair in timed.measurements[0].pairs]
    assert max(seconds) < 0.0032


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
    timed = _time(task, Pace(0.003), candidate, all_pairs=True)
    assert timed.environment["repeated_pairs"] == 2
    assert timed.environment["pairs"] == timing.PLAN
    assert candidate.processes == timing.PLAN + 2
    assert timed.environment["others_cores"] == LOUD.others


class Slow(Pace):
    """Lets the clock of the phase run as if its calls took as long as they claim."""

    now = 1000.0

    def call(
        self, inputs: dict[str, np.ndarray], limit: Limit, placing: Placing
    ) -> tuple[float, dict[str, np.ndarray]]:
        seconds, outputs = super().call(inputs, limit, placing)
        Slow.now += seconds
        return seconds, outputs


@pytest.fixture
def phase_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        perf_counter = staticmethod(lambda: Slow.now)

    monkeypatch.setattr(timing, "time", Clock)


@pytest.mark.usefixtures("phase_clock")
def test_the_budget_ends_the_timing_with_the_pairs_that_are_complete(task: Task):
    limits = dataclasses.replace(task.limits, time_seconds=1.3)
    timed = _time(dataclasses.replace(task, limits=limits), Slow(0.02, 0.2), Slow(0.02, 0.2))
    assert stats.FEWEST_PAIRS <= timed.environment["pairs"] < timing.PLAN
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
    assert [(event.done, event.total) for event in events] == [(n, stats.LOOKS[0]) for n in (1, 2, 3, 4)]
    assert all(0.9 < event.note["ratio"] < 1.1 for event in events)


def test_the_measuring_leaves_processors_and_collector_as_they_were(task: Task):
    before = os.sched_getaffinity(0)
    _time(task, Pace(0.003), Pace(0.001))
    assert os.sched_getaffinity(0) == before
    assert gc.isenabled()
