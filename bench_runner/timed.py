"""What was timed: the samples of a case over all pairs, and what goes into the result.

Not in charge of taking them (`timing.py`) nor of what they prove (`stats.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

from bench_runner import noise, stats
from bench_runner.contract import Measurement, Summary
from bench_runner.fingerprint import Machine
from bench_runner.plan import Plan
from bench_runner.pool import Pool
from bench_runner.roles import SIDES
from tasks.spec import Case, Task

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
    plan: Plan | None = None  # made in the first pair
    snapshot: float = 0.0  # seconds of each call, of both sides, in which we take the output
    pairs: list[Samples] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        return [stats.pair_log_ratio(pair["baseline"], pair["candidate"]) for pair in self.pairs]


def pace_of(done: Sequence[Samples]) -> noise.Pace:
    baseline, candidate = (fmean(math.log(stats.quick_half(each[name])) for each in done) for name in SIDES)
    return noise.Pace(baseline, candidate)


def case_run(task: Task, pool: Pool, machine: Machine, cpus: int) -> CaseRun:
    moved, flops = task.work.bytes_of(pool.case), task.work.flops_of(pool.case)
    floor = machine.floor_seconds(moved, flops, cpus)
    # The narrowest numbers of the task are those that arithmetic is the quickest with.
    dtype = min(tensor.dtype for tensor in task.tensors)
    return CaseRun(pool.case, pool, floor, machine.roofline_seconds(moved, flops, cpus, dtype))


def measurement_of(run: CaseRun) -> Measurement:
    estimate = stats.estimate(run.ratios)
    candidate = typical(run, "candidate")
    return Measurement(
        case=run.case.id,
        ratio=estimate.ratio,
        low=estimate.low,
        high=estimate.high,
        speed=estimate.speed,
        baseline_seconds=typical(run, "baseline"),
        candidate_seconds=candidate,
        roofline_percent=round(100 * run.roofline / candidate, 2),
        calls_per_sample=run.plan.calls if run.plan else 1,
        pairs=run.pairs,
    )


def typical(run: CaseRun, side: str) -> float:
    """Seconds a call: the median over pairs of the mean of a pair's quicker half."""
    return median(stats.quick_half(pair[side]) for pair in run.pairs)
