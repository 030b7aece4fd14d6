"""How fast is it? Fresh pairs of guests, baseline and candidate in turns, every timed output compared.

Not in charge of a single call (`channel.py`) nor of what the samples prove (`stats.py`).

Theory of operation. A job times pairs until one of `stats.LOOKS` finds the matter settled. A pair is two
fresh guests. Which of them starts first, which begins a case, and which has which buffers is drawn for one
pair and turned round for the next, so that none of it favours a side. Inside a pair all rank cases run, in
random order. Per case: WARM_UPS calls of each side, then rounds (`plan.py` says how many); in a round both
sides take one sample each on the same inputs, and in the next round the other side comes first. While one
side runs, the other is frozen. A sample is the sum of `calls` single calls, each on an input of its own and
each by its own clock: calls are never fused, a guest sees one input at a time.

Inputs come from a pool per case, made once per job from operating-system randomness. A guest meets each of
them at most once, in an order drawn anew for its pair. That later pairs draw from the same pool helps nobody:
a guest is a new process in a new sandbox on wiped memory, and nothing that an earlier one learnt can reach
it.

A pair during which something else happened to the machine (`noise.py`) is timed once more, and the quieter of
the two counts. When both sides ran at another speed in the second half than in the first, the machine itself
has changed: the first half is forgotten, and the timing goes on. A job that ends without having met one
machine for long enough ranks nothing: the hub runs it again. When the task's `time_seconds` are spent, the
pairs that are complete count; fewer than FEWEST_PAIRS are no measurement.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from bench_runner import noise, stats
from bench_runner.channel import Limit
from bench_runner.check import need_right
from bench_runner.contract import Phase, Summary
from bench_runner.failure import Failed, fault
from bench_runner.fingerprint import Machine
from bench_runner.guests import Clocks, Side
from bench_runner.placement import Placement
from bench_runner.plan import WARM_UPS, Plan, plan
from bench_runner.pool import Item, Pool
from bench_runner.progress import Progress
from bench_runner.roles import SIDES, Roles
from bench_runner.timed import CaseRun, Samples, Timed, case_run, measurement_of, pace_of, typical
from tasks.spec import Task

VAIN = 3  # repeats that did not help: a machine that is loud all the time is not waited for
MOST_TIMED = 2 * stats.LOOKS[-1]  # forgotten ones included
PLAN = stats.LOOKS[1]  # pairs that the budget must hold; a confirmation times no fewer
CASE_SECONDS = 20.0  # per rank case; once they are spent, a job of PLAN pairs or more ends
WARM_SECONDS = 0.005  # one call of this length is warm-up enough
BUDGET_SHARE = 0.5  # of the task's time_seconds that the plan may fill; the rest is for repeated pairs
EMPTY_CALLS = 25
SMALLEST = 2.0  # empty calls: a baseline below it is more channel than kernel
BLAME = 2.0  # a candidate that used this many times the baseline's time is why the budget was too small
BLAME_SHARE = 0.5  # … or so much of the budget more than it: a busy machine makes both sides' calls slow


class _BudgetSpent(Exception):
    """The time is over in the middle of a pair; what it has measured is dropped."""


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
        slowed: Callable[[], list[str]] = list,
    ) -> None:
        """`cpus`: how many a guest may use; `all_pairs`: never stop early; `slowed`: what slows us."""
        self._slowed = slowed
        # On a card what is compiled or loaded by the first call says nothing of the others.
        self._warm = math.inf if machine.card else WARM_SECONDS
        self._all_pairs = all_pairs
        self._task, self._sides, self._progress, self._clocks = task, sides, progress, clocks
        self._random = random.SystemRandom()
        self._runs = [case_run(task, pool, machine, cpus) for pool in pools]
        self._spent = dict.fromkeys(SIDES, 0.0)  # seconds of the budget, loading included
        self._empty: list[float] = []  # seconds of calls of nothing
        self._repeated = 0
        self._vain = 0  # pairs that were as loud when they were timed once more
        self._forgotten = 0
        self._drift = 0.0  # the most that made pairs be forgotten
        self._heard: list[noise.Noise] = []
        self._paces: list[noise.Pace] = []
        # A card is fed by the thread that has its context.
        self._placement = Placement(writes_near=not machine.card)
        self._roles = Roles(self._random)
        self._exchanged = False  # whether the sides have each other's buffers

    def run(self) -> Timed:
        """Time pairs until the matter is settled, the plan is done or the budget is spent.

        Raises:
            Failed: the candidate failed in a timed call, or was too fast or too slow to be measured.
            InfrastructureFault: the baseline failed, or the machine changed its speed meanwhile.
        """
        self._begin = time.perf_counter()
        with self._placement.undisturbed():
            stopped = self._pairs()
        self._need_one_machine()
        self._need_enough_pairs()
        overall = stats.estimate(stats.over_cases([run.ratios for run in self._runs]))
        if stopped == "pairs" and overall.is_narrow:
            stopped = "narrow"
        measurements = [measurement_of(run) for run in self._runs]
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
            if number == 1:
                self._need_large_cases()
            if ended := self._look(number):
                return ended
            if self._next_would_be_late(number):
                break
        return "budget"

    def _look(self, number: int) -> str:
        """After so many pairs: what ends the timing, if anything does.

        More pairs make an interval narrower on a quiet machine; on a busy one they only take longer.
        """
        counted = len(self._paces)
        if number >= MOST_TIMED:
            return "pairs"
        if counted not in stats.LOOKS or (self._all_pairs and counted < PLAN):
            return ""
        if self._drifts:
            self._forget_half()
            return ""
        if stats.settled([run.ratios for run in self._runs]):
            return "narrow"
        return "pairs" if counted == stats.LOOKS[-1] or (self._is_busy and counted >= PLAN) else ""

    @property
    def _drifts(self) -> bool:
        """The machine itself changed. Where others come and go, the width of the interval tells, not this."""
        return noise.drift(self._paces) > noise.DRIFT and not self._is_busy

    @property
    def _is_busy(self) -> bool:
        return sum(heard.contention > 1 for heard in self._heard) > len(self._heard) / 2

    def _forget_half(self) -> None:
        """The machine of the first half is no more: begin again with those pairs that met the present one."""
        self._drift = max(self._drift, noise.drift(self._paces))
        half = len(self._paces) - len(self._paces) // 2
        del self._paces[:half], self._heard[:half]
        for run in self._runs:
            del run.pairs[:half]
        self._forgotten += half

    def needs(self) -> dict[str, int]:
        """How many inputs each case took: the next job of this revision makes them beside its build."""
        return {run.case.id: run.plan.inputs for run in self._runs if run.plan}

    def _pair(self, number: int) -> None:
        heard = self._measure_pair()
        if heard.loudness > 1 and self._vain < VAIN:
            self._repeated += 1
            again = self._measure_pair()
            self._vain += again.loudness > 1
            worse = -1 if again.loudness > heard.loudness else -2
            del self._paces[worse]
            for run in self._runs:
                del run.pairs[worse]
            heard = min(heard, again, key=lambda each: each.loudness)
        self._heard.append(heard)
        self._roles.next_pair()
        overall = stats.over_cases([run.ratios for run in self._runs])
        ratio = round(math.exp(sum(overall) / len(overall)), 4)
        total = number - len(self._paces) + stats.next_look(len(self._paces) - 1)
        self._progress.say(Phase.TIMING, done=number, total=total, note={"ratio": ratio})

    def _measure_pair(self) -> noise.Noise:
        """Every case once, in two fresh guests; adds one entry to each case's pairs."""
        done: dict[str, Samples] = {}
        baseline, candidate = (self._sides[name] for name in SIDES)
        if (exchanged := self._roles.order("memory") != list(SIDES)) is not self._exchanged:
            baseline.exchange_memory(candidate)
            self._exchanged = exchanged
        try:
            self._start_both()
            before = noise.moment([baseline.guest, candidate.guest])
            for run in self._shuffled(self._runs):
                done[run.case.id] = self._case(run)
            heard = noise.between(before, noise.moment([baseline.guest, candidate.guest]))
        finally:
            baseline.stop()
            candidate.stop()
        for run in self._runs:
            run.pairs.append(done[run.case.id])
        pace = pace_of(list(done.values()))
        heard = dataclasses.replace(heard, off=noise.off_pace(pace, self._paces), slowed=bool(self._slowed()))
        self._paces.append(pace)
        return heard

    def _start_both(self) -> None:
        order = self._roles.order("start")
        for name in order:
            self._sides[name].start()
        for name in order:
            self._sides[name].channel.where = "while loading"
            self._placement.prefer(self._sides[name].pid)
            with self._at_the_cost_of(name):
                self._sides[name].load()
        if not self._empty:
            channel = self._sides["baseline"].channel
            self._empty = sorted(channel.empty_call() for _ in range(EMPTY_CALLS))

    def _case(self, run: CaseRun) -> Samples:
        self._grow(run, WARM_UPS)
        warm = self._warm_up(run)
        if run.plan is None:
            run.plan = self._plan(run, max(seconds for seconds, _ in warm), sum(around for _, around in warm))
            run.snapshot = self._sides["baseline"].channel.snapshot_cost()
        items = self._fresh(run, run.plan)
        samples: Samples = {name: [] for name in SIDES}
        order = self._roles.order(run.case.id)
        for _ in range(run.plan.rounds):
            batch = [next(items) for _ in range(run.plan.calls)]
            for name in order:
                total = sum(self._call(name, run, item) for item in batch)
                samples[name].append(total / run.plan.calls)
            order.reverse()
        fastest = min(samples["candidate"])
        if fastest < run.floor:
            raise Failed("faster_than_possible", case=run.case.id, seconds=fastest, floor=run.floor)
        return samples

    def _plan(self, run: CaseRun, seconds: float, around: float) -> Plan:
        """`seconds`: of a call of the slower side; `around`: what a call of each costs beside them."""
        budget = BUDGET_SHARE * self._task.limits.time_seconds
        share = budget / (PLAN * len(self._runs))
        return plan(self._task, run.case, seconds, around=around, share=share)

    def _warm_up(self, run: CaseRun) -> list[tuple[float, float]]:
        """The first calls of both sides; gives each side's quickest: seconds, and seconds around it."""
        self._drawn = self._shuffled(run.pool.items)
        return [self._warm_up_side(name, run) for name in self._shuffled(SIDES)]

    def _warm_up_side(self, name: str, run: CaseRun) -> tuple[float, float]:
        with self._at_the_cost_of(name):
            self._sides[name].bind(run.case)
        quickest = around = math.inf
        for item in self._drawn[:WARM_UPS]:
            begin = time.perf_counter()
            took = self._call(name, run, item)
            quickest, around = min(quickest, took), min(around, time.perf_counter() - begin - took)
            if took > self._warm:
                break
        return quickest, around

    def _fresh(self, run: CaseRun, plan: Plan) -> Iterator[Item]:
        """Inputs that neither guest of this pair has met, in random order."""
        used = {id(item) for item in self._drawn[:WARM_UPS]}
        self._grow(run, plan.inputs)
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
            late = Limit(limit, "call_time_limit", {"where": where, "seconds": limit})
            seconds, outputs = side.call(item.inputs, late, placing=self._placement)
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

    def _next_would_be_late(self, done: int) -> bool:
        spent = time.perf_counter() - self._begin
        if len(self._paces) >= PLAN and spent > CASE_SECONDS * len(self._runs):
            return True
        return done >= stats.FEWEST_PAIRS and spent * (done + 1) / done > self._task.limits.time_seconds

    def _need_large_cases(self) -> None:
        """The quickest calls of both kinds are compared: what delays a call says nothing of its size."""
        least = SMALLEST * self._empty[0]
        for run in self._runs:
            quickest = min(run.pairs[0]["baseline"])
            if quickest < least:
                figures = {"microseconds": round(quickest * 1e6, 2), "least": round(least * 1e6, 2)}
                fault("case_too_small", case=run.case.id, **figures)

    def _channel_share(self) -> float:
        """How much of the shortest typical call of the candidate is the channel's, not the candidate's."""
        return median(self._empty) / min(typical(run, "candidate") for run in self._runs)

    def _need_one_machine(self) -> None:
        if sum(heard.slowed for heard in self._heard) > len(self._heard) / 2:
            fault("card_slowed", reasons=", ".join(self._slowed()) or "it does not say")
        late = self._forgotten and len(self._paces) < stats.LOOKS[0] and not self._is_busy
        if late or self._drifts:
            drift = max(self._drift, noise.drift(self._paces))
            fault("machine_drifted", percent=round(100 * math.expm1(drift)))

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
            "forgotten_pairs": self._forgotten,
            "others_cores": round(max(heard.others for heard in self._heard), 3),
            "stolen_percent": round(100 * max(heard.stolen for heard in self._heard), 2),
            "drift_percent": round(100 * math.expm1(noise.drift(self._paces)), 2),
            "empty_call_us": round(median(self._empty) * 1e6, 2),
            "channel_percent": round(100 * self._channel_share(), 1),
            "cache": self._task.speed.cache,
            "snapshot_us": round(1e6 * max(run.snapshot for run in self._runs), 2),
        }
