"""What a number of trials proves: rates with their bounds, as lines and as a table.

Not in charge of running them (`commands.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench_runner.contract import Speed
from bench_runner.trials.judging import Condition, Record

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Tally:
    """The trials of one condition."""

    condition: Condition
    faster: int
    slower: int
    same: int
    inconclusive: int
    faults: int  # jobs that ranked nothing; they are no trials
    seconds: float  # per case, on average
    pairs: float  # per case, on average

    @property
    def trials(self) -> int:
        return self.faster + self.slower + self.same + self.inconclusive

    @property
    def false(self) -> int:
        """Claims of a difference that is not there, or is the other way round."""
        return self.faster + (0 if self.condition.percent else self.slower)

    def line(self) -> str:
        found = f"{self.slower} of {self.trials} found, " if self.condition.percent else ""
        bound = f"{100 * upper_bound(self.false, self.trials):.1f} % at {100 * CONFIDENCE:.0f} % confidence"
        return (
            f"{self.condition}: {found}{self.false} of {self.trials} false (at most {bound}), "
            f"same {self.same}, inconclusive {self.inconclusive}, jobs not ranked {self.faults}; "
            f"{self.seconds:.1f} s and {self.pairs:.0f} pairs per case"
        )


def tally(condition: Condition, records: Iterable[Record]) -> Tally:
    jobs = [record for record in records if record.condition == condition]
    cases = [case for job in jobs for case in job.cases.values()]
    count = {speed: sum(case["speed"] == speed.value for case in cases) for speed in Speed}
    return Tally(
        condition,
        faster=count[Speed.FASTER],
        slower=count[Speed.SLOWER],
        same=count[Speed.SAME],
        inconclusive=count[Speed.INCONCLUSIVE],
        faults=sum(bool(job.fault) for job in jobs),
        seconds=_mean([job.seconds for job in jobs if job.cases]),
        pairs=_mean([len(case["log_ratios"]) for case in cases]),
    )


def upper_bound(hits: int, trials: int) -> float:
    """The largest rate that so few hits still leave possible (Clopper and Pearson, one-sided)."""
    if hits >= trials:
        return 1.0
    low, high = hits / trials, 1.0
    while high - low > 1e-6:
        rate = (low + high) / 2
        below = sum(math.comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(hits + 1))
        low, high = (rate, high) if below > 1 - CONFIDENCE else (low, rate)
    return high


def table(tallies: Sequence[Tally]) -> list[str]:
    """For a README."""
    heads = "what|trials|told slower|told faster|same|inconclusive|false, at most|jobs not ranked|s per case"
    rows = [heads.split("|"), ["---"] * 9]
    for each in tallies:
        share = f"{each.slower} ({100 * each.slower / max(each.trials, 1):.0f} %)"
        bound = f"{100 * upper_bound(each.false, each.trials):.1f} %"
        counts = [each.trials, share, each.faster, each.same, each.inconclusive, bound, each.faults]
        rows.append([str(each.condition), *map(str, counts), f"{each.seconds:.1f}"])
    return [f"| {' | '.join(row)} |" for row in rows]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
