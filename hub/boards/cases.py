"""A board case by case: what is behind each entry's geometric mean, for every metric that was measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from hub.bench.models import Measurement
from hub.boards.queries import Entry


@dataclass(frozen=True)
class Cell:
    """One metric of one case of one entry."""

    ratio: float
    low: float
    high: float
    baseline: float  # seconds for time, else in the metric's own unit
    candidate: float
    is_best: bool  # no other entry has a higher ratio here


@dataclass(frozen=True)
class Table:
    metric: str
    cases: tuple[str, ...]
    rows: tuple[tuple[Entry, tuple[Cell | None, ...]], ...]


def tables(entries: Sequence[Entry]) -> list[Table]:
    """One table for each metric, in one query; the best is the best of these entries."""
    measured: dict[str, dict[tuple[int, str], Measurement]] = defaultdict(dict)
    cases: dict[str, dict[str, float]] = defaultdict(dict)  # metric -> case -> the best ratio
    keys = [entry.verdict.pk for entry in entries]
    for one in Measurement.objects.filter(verdict__in=keys).defer("pairs"):
        measured[one.metric][one.verdict_id, one.case] = one
        best = cases[one.metric].setdefault(one.case, one.ratio)
        cases[one.metric][one.case] = max(best, one.ratio)
    return [
        Table(
            metric,
            tuple(cases[metric]),
            tuple(
                (entry, tuple(_cell(found.get((entry.verdict.pk, case)), best) for case, best in columns))
                for entry in entries
            ),
        )
        for metric, found in sorted(measured.items())
        for columns in [list(cases[metric].items())]
    ]


def _cell(one: Measurement | None, best: float) -> Cell | None:
    if one is None:
        return None
    return Cell(
        one.ratio, one.low, one.high, one.baseline_seconds, one.candidate_seconds, is_best=one.ratio >= best
    )
