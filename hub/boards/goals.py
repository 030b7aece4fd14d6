"""Whether work reaches the speed goal of its task, by what the judge measured of it.

It does where the whole interval of the ratio is at the target or above; what was not timed yet has missed
nothing. Not in charge of what follows: a task may be about being right, so nobody is kept from merging
(`hub/flow.py` asks for a reason).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from bench_runner.contract import Outcome
from hub.bench.models import Verdict
from hub.boards.runs import TIMED, Candidate
from hub.catalog.queries import spec_of
from hub.core.errors import NotNow
from hub.core.prepared import prepared
from hub.pulls.models import PatchSet
from hub.pulls.standing import stands_as
from hub.rulings.queries import standing_verdicts

WHY_LONGEST = 400


@dataclass(frozen=True)
class Shortfall:
    """One hardware class on which the goal is missed. Ratios are baseline over candidate."""

    hardware_class: str
    ratio: float
    low: float  # its 95 % interval, rounded down: 1.4987 is not to look like 1.50, the goal
    high: float
    target: float


def shortfalls(patch_set: PatchSet) -> list[Shortfall]:
    """Where this patch set misses the goal of the rules that it was timed by."""
    return shortfalls_of(_standing(patch_set.pk))


@prepared
def _standing(patch_set: int) -> QuerySet[Verdict]:
    rows = standing_verdicts().filter(job__patch_set=patch_set).order_by("at")
    return rows.defer("log", "cases", "environment", "assembly")


def shortfalls_of(verdicts: Iterable[Verdict]) -> list[Shortfall]:
    """The same of `standing_verdicts` of one patch set that were read already, oldest first."""
    runs: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        stands = stands_as(verdict.outcome, verdict.ruling)  # type: ignore[attr-defined]  # annotated
        if verdict.job.kind in TIMED and verdict.ratio is not None and stands == Outcome.PASSED:
            runs[verdict.job.hardware_class].append(verdict)
    shown = (Candidate(tuple(runs[name]), None).shown for name in sorted(runs))
    return [missed for verdict in shown if (missed := _missed(verdict)) is not None]


def _missed(verdict: Verdict) -> Shortfall | None:
    name, low = verdict.job.hardware_class, verdict.low or 0.0
    target = spec_of(verdict.job.revision).on(name).speed.target
    if low >= target:
        return None
    return Shortfall(name, verdict.ratio or 0.0, math.floor(100 * low) / 100, verdict.high or 0.0, target)


def accepted(patch_set: PatchSet, reason: str) -> dict[str, object]:
    """What the audit keeps of merging this patch set: nothing where the goal is reached.

    Raises:
        NotNow: the goal is missed and no reason is given.
    """
    found, why = shortfalls(patch_set), " ".join(reason.replace("\x00", " ").split())[:WHY_LONGEST]
    if not found:
        return {}
    if not why:
        raise NotNow(
            _("It does not reach the speed goal (%(figures)s): say why it is merged all the same.")
            % {"figures": "; ".join(_figures(one) for one in found)}
        )
    return {"below_goal": [_figures(one) for one in found], "why": why}


def _figures(one: Shortfall) -> str:
    return f"{one.hardware_class}: {one.ratio:.2f}× [{one.low:.2f}, {one.high:.2f}] < {one.target:.2f}×"
