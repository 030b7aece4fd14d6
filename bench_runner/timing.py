"""How fast is it? Fresh pairs of guests, baseline and candidate in turns, every timed output compared.

Not in charge of a single call (`channel.py`) nor of what the samples prove (`stats.py`).

Theory of operation. A job times PAIRS pairs, fewer when the result is clear, more when it is not. A pair is
two fresh guests, started in random order. Inside a pair all rank cases run, in random order. Per case:
WARM_UPS calls of each side, then ROUNDS rounds; in a round both sides, in random order, take one sample on
the same inputs. A sample is the sum of `calls` single calls, each on an input of its own and each by its own
clock, with `calls` chosen once, in the first pair, so that the slower side's sample is SAMPLE_SECONDS or
more. While one side runs, the other is frozen.

Inputs come from a pool per case, made once per job from operating-system randomness. A guest meets each of
them at most once, in an order drawn anew for its pair. That later pairs draw from the same pool helps nobody:
a guest is a new process in a new sandbox on wiped memory, and nothing that an earlier one learnt can reach
it.

Very short calls: the pool of distinct inputs is bounded by POOL_BYTES and MOST_CALLS, and what surrounds a
call by the task's budget, so their samples may stay below SAMPLE_SECONDS; the interval then says how sure the
number is.

A pair during which others used the machine is timed once more, and the quieter of the two counts. When the
task's `time_seconds` are spent, the pairs that are complete count; fewer than FEWEST_PAIRS are no
measurement.
"""

from __future__ import annotations

import gc
import itertools
import math
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench_runner import noise, stats
from bench_runner.channel import Limit
from bench_runner.check import need_right
from bench_runner.contract import Measurement, Phase, Summary
from bench_runner.failure import Failed, fault
from bench_runner.fingerprint import Machine
from bench_runner.guests import Clocks, Side, measuring_cpus
from bench_runner.pool import Item, Pool
from bench_runner.progress import Progress
from tasks.spec import Case, Task

WARM_UPS = 2
ROUNDS = 4  # the mean of the middle two is about as good as the median of five, and costs a fifth less
SAMPLE_SECONDS = 0.010
MOST_CALLS = 500  # per sample
POOL_BYTES = 128 * 2**20  # tensors of the inputs of one case
BUDGET_SHARE = 0.5  # of the task's time_seconds that the plan may fill; the rest is for repeated pairs
EMPTY_CALLS = 25
BLAME = 2.0  # a candidate that used this many times the baseline's time is why the budget was too small
BLAME_SHARE = 0.5  # … or so much of the budget more than it: a busy machine makes both sides' calls slow

SIDES = ("baseline", "candidate")
Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Timed:
    measurements: list[Measurement]
    summary: Summary
    environment: dict[str, Any]


@dataclass
class CaseRun:
    """One rank case over the whole job."""

    case: Case
    pool: Pool
    floor: float  # seconds; nothing on this machine is faster
    roofline: float
    calls: int = 0  # per sample; 0: not yet known
    pairs: list[Samples] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        return [stats.pair_log_ratio(pair["baseline"], pair["candidate"]) for pair in self.pairs]


class _BudgetSpent(Exception):
    """The time is over in the middle of a pair; what it has measured is dropped."""


def inputs_needed(calls: int) -> int:
    return WARM_UPS + ROUNDS * calls


def calls_for(task: Task, case: Case, seconds: float) -> int:
    """Calls per sample for a side that takes `seconds` a call, as far as the pool's bound allows."""
    size = max(sum(tensor.bytes_of(case.dims) for tensor in task.tensors), 1)
    affordable = (POOL_BYTES // size - WARM_UPS) // ROUNDS
    return max(1, min(math.ceil(SAMPLE_SECONDS / seconds), affordable, MOST_CALLS))


class Timing:
    """The timing phase of one job."""

    def __init__(
        self,
        task: Task,
        sides: dict[str, Side],
        pools: list[Pool],
        machine: Machine,
        progress: Progress,
        clocks: Clocks,
        *,
        cpus: int = 1,
        all_pairs: bool = False,
    ) -> None:
        """`cpus`: how many a guest may use; `all_pairs`: never stop early."""
        self._all_pairs = all_pairs
        self._task, self._sides, self._progress, self._clocks = task, sides, progress, clocks
        self._random = random.SystemRandom()
        self._runs = [_case_run(task, pool, machine, cpus) for pool in pools]
        self._spent = dict.fromkeys(SIDES, 0.0)  # seconds of the budget, loading included
        self._empty = 0.0
        self._repeated = 0
        self._others: list[float] = []

    def run(self) -> Timed:
        """Time pairs until the matter is settled, the plan is done or the budget is spent.

        Raises:
            Failed: the candidate failed in a timed call, or was too fast or too slow to be measured.
            InfrastructureFault: the baseline failed.
        """
        self._begin = time.perf_counter()
        with _undisturbed():
            stopped = self._pairs()
        self._need_enough_pairs()
        overall = stats.estimate(stats.over_cases([run.ratios for run in self._runs]))
        if stopped == "pairs" and stats.is_narrow(overall):
            stopped = "narrow"
        measurements = [_measurement(run) for run in self._runs]
        floor = self._task.speed.case_floor
        below = next((m.case for m in measurements if m.ratio < floor), "")
        summary = Summary(overall.ratio, overall.low, overall.high, overall.speed, stopped, below)
        return Timed(measurements, summary, self._environment())

    def _pairs(self) -> str:
        """Time pairs, and say what ended that: "narrow", "pairs" (all that were planned) or "budget"."""
        for number in itertools.count(1):
            try:
                self._pair(number)
            except _BudgetSpent:
                break
            if self._settled():
                return "narrow"
            if number >= stats.PAIRS and not self._wants_more():
                return "pairs"
            if self._next_would_be_late(number):
                break
        return "budget"

    def _wants_more(self) -> bool:
        """More pairs make an interval narrower on a quiet machine; on a busy one they only take longer."""
        quiet = self._repeated <= len(self._others) / 2
        return quiet and stats.wants_more([run.ratios for run in self._runs])

    def paces(self) -> dict[str, float]:
        """Per case the baseline's seconds a call: what the next job of this revision plans its pools by."""
        return {run.case.id: _typical(run, "baseline") for run in self._runs if run.pairs}

    def _pair(self, number: int) -> None:
        loud = self._measure_pair()
        if loud.too_loud:
            self._repeated += 1
            again = self._measure_pair()
            for run in self._runs:
                run.pairs.pop(-1 if again.others > loud.others else -2)
            loud = min(loud, again, key=lambda each: each.others)
        self._others.append(loud.others)
        overall = stats.over_cases([run.ratios for run in self._runs])
        ratio = round(math.exp(sum(overall) / len(overall)), 4)
        total = stats.PAIRS if number <= stats.PAIRS else stats.MOST_PAIRS
        self._progress.say(Phase.TIMING, done=number, total=total, note={"ratio": ratio})

    def _measure_pair(self) -> noise.Noise:
        """Every case once, in two fresh guests; adds one entry to each case's pairs."""
        order = self._shuffled(SIDES)
        done: dict[str, Samples] = {}
        try:
            for name in order:
                self._sides[name].start()
            for name in order:
                self._sides[name].channel.where = "while loading"
                with self._at_the_cost_of(name):
                    self._sides[name].load()
            if not self._empty:
                channel = self._sides["baseline"].channel
                self._empty = median(channel.empty_call() for _ in range(EMPTY_CALLS))
            pids = [side.guest.pid for side in self._sides.values()]
            before = noise.moment(pids)
            for run in self._shuffled(self._runs):
                done[run.case.id] = self._case(run)
            loud = noise.between(before, noise.moment(pids))
        finally:
            for side in self._sides.values():
                side.stop()
        for run in self._runs:
            run.pairs.append(done[run.case.id])
        return loud

    def _case(self, run: CaseRun) -> Samples:
        self._grow(run, WARM_UPS)
        begin = time.perf_counter()
        warm = self._warm_up(run)
        if not run.calls:
            both = (time.perf_counter() - begin) / WARM_UPS
            run.calls = min(calls_for(self._task, run.case, max(warm.values())), self._affordable(both))
        items = self._fresh(run)
        samples: Samples = {name: [] for name in SIDES}
        for _ in range(ROUNDS):
            batch = [next(items) for _ in range(run.calls)]
            for name in self._shuffled(SIDES):
                total = sum(self._call(name, run, item) for item in batch)
                samples[name].append(total / run.calls)
        fastest = min(samples["candidate"])
        if fastest < run.floor:
            raise Failed("faster_than_possible", case=run.case.id, seconds=fastest, floor=run.floor)
        return samples

    def _affordable(self, both: float) -> int:
        """Calls per sample that fit the budget; `both`: seconds of a call of each side with all around it."""
        budget = BUDGET_SHARE * self._task.limits.time_seconds
        return max(1, int(budget / (stats.PAIRS * len(self._runs) * ROUNDS * both)))

    def _warm_up(self, run: CaseRun) -> dict[str, float]:
        """The first calls of both sides; gives the seconds of each side's quickest."""
        self._drawn = self._shuffled(run.pool.items)
        seconds: dict[str, float] = {}
        for name in self._shuffled(SIDES):
            with self._at_the_cost_of(name):
                self._sides[name].bind(run.case)
            for item in self._drawn[:WARM_UPS]:
                took = self._call(name, run, item)
                seconds[name] = min(seconds.get(name, took), took)
        return seconds

    def _fresh(self, run: CaseRun) -> Iterator[Item]:
        """Inputs that neither guest of this pair has met, in random order."""
        used = {id(item) for item in self._drawn[:WARM_UPS]}
        self._grow(run, inputs_needed(run.calls))
        return iter([item for item in self._shuffled(run.pool.items) if id(item) not in used])

    def _grow(self, run: CaseRun, count: int) -> None:
        begin = time.perf_counter()
        run.pool.grow(count)
        self._clocks.add("inputs", time.perf_counter() - begin)

    def _call(self, name: str, run: CaseRun, item: Item) -> float:
        if time.perf_counter() - self._begin > self._task.limits.time_seconds:
            raise _BudgetSpent
        side, limit = self._sides[name], self._task.limits.call_seconds
        side.channel.where = where = f"case {run.case.id}, while timing"
        with self._at_the_cost_of(name):
            seconds, outputs = side.call(
                item.inputs, Limit(limit, "call_time_limit", {"where": where, "seconds": limit})
            )
            begin = time.perf_counter()
            need_right(side.channel, run.case, item, outputs)
        self._clocks.add("checking", time.perf_counter() - begin)
        return seconds

    @contextmanager
    def _at_the_cost_of(self, name: str) -> Iterator[None]:
        """Count the time as this side's, whatever it does with it. A baseline that fails is our fault."""
        begin = time.perf_counter()
        try:
            yield
        except Failed as failure:
            if name == "baseline":
                fault("baseline_failed", detail=str(failure))
            raise
        finally:
            self._spent[name] += time.perf_counter() - begin

    def _shuffled(self, things: Any) -> list[Any]:
        return self._random.sample(list(things), len(things))

    def _settled(self) -> bool:
        return not self._all_pairs and stats.may_stop([run.ratios for run in self._runs])

    def _next_would_be_late(self, done: int) -> bool:
        spent = time.perf_counter() - self._begin
        return done >= stats.FEWEST_PAIRS and spent * (done + 1) / done > self._task.limits.time_seconds

    def _need_enough_pairs(self) -> None:
        args = {
            "seconds": self._task.limits.time_seconds,
            "pairs": len(self._runs[0].pairs),
            "needed": stats.FEWEST_PAIRS,
        }
        if args["pairs"] >= stats.FEWEST_PAIRS:
            return
        ours, theirs = self._spent["baseline"], self._spent["candidate"]
        if theirs > BLAME * ours or theirs - ours > BLAME_SHARE * self._task.limits.time_seconds:
            raise Failed("timing_time_limit", **args)
        fault("budget_too_small", **args)

    def _environment(self) -> dict[str, Any]:
        return {
            "pairs": len(self._runs[0].pairs),
            "repeated_pairs": self._repeated,
            "others_cores": round(max(self._others, default=0.0), 3),
            "empty_call_us": round(self._empty * 1e6, 2),
            "rounds": ROUNDS,
        }


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep us off the CPU that measures, and Python's collector out of the timed windows."""
    before = os.sched_getaffinity(0)
    _, ours = measuring_cpus()
    _move_all_threads(set(ours))
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
        _move_all_threads(before)


def _move_all_threads(cpus: set[int]) -> None:
    for thread in os.listdir("/proc/self/task"):
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.sched_setaffinity(int(thread), cpus)


def _case_run(task: Task, pool: Pool, machine: Machine, cpus: int) -> CaseRun:
    moved, flops = task.work.bytes_of(pool.case), task.work.flops_of(pool.case)
    floor = machine.floor_seconds(moved, flops, cpus)
    return CaseRun(pool.case, pool, floor, machine.roofline_seconds(moved, flops, cpus))


def _measurement(run: CaseRun) -> Measurement:
    estimate = stats.estimate(run.ratios)
    candidate = _typical(run, "candidate")
    return Measurement(
        case=run.case.id,
        ratio=estimate.ratio,
        low=estimate.low,
        high=estimate.high,
        speed=estimate.speed,
        baseline_seconds=_typical(run, "baseline"),
        candidate_seconds=candidate,
        roofline_percent=round(100 * run.roofline / candidate, 2),
        calls_per_sample=run.calls,
        pairs=run.pairs,
    )


def _typical(run: CaseRun, side: str) -> float:
    """The median over pairs of the pair's median: seconds a call."""
    return median(median(pair[side]) for pair in run.pairs)
