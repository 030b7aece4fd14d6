"""Which verdicts count, and as what. Stage, boards, quotas, pages and payments all ask here.

Not in charge of who decides it (`hub/rulings`). The tables of jobs, verdicts, rulings and re-judge sets lie
in apps above this one and are read through relations, as in `stages.py`.

Theory of operation
- A verdict never changes. What is decided about it later is a row of its own, and the last word counts:
  `hold` (it looks like another's work), `clear`, `uphold`. A clear makes a held or suspicious verdict count
  as passed; it turns no wrong answer into a right one.
- A job of a re-judge set is a trial. It counts once the set was applied, and from then on the old verdict
  that it was run beside does not. Of all jobs that count, the last one of a kind on a hardware class tells.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from bench_runner.contract import Outcome
from hub.pulls.models import PatchSet

HOLD, CLEAR, UPHOLD = "hold", "clear", "uphold"
APPLIED = "applied"


def counts(job: str = "", *, as_if: int | None = None) -> Q:
    """Jobs that count; `job` is the path to them. `as_if`: what if this re-judge set were applied."""
    no_trial = Q(**{f"{job}rejudged__isnull": True})
    applied = Q(**{f"{job}rejudged__rejudge__state": APPLIED})
    supposed = Q(**{f"{job}rejudged__rejudge": as_if}) if as_if else Q()
    return no_trial | applied | supposed if as_if else no_trial | applied


def stands_as(outcome: str | None, ruling: str | None) -> str | None:
    """What a verdict counts as, given the last ruling about it; None while there is no verdict."""
    if ruling in (HOLD, UPHOLD):
        return Outcome.SUSPICIOUS
    if ruling == CLEAR and outcome == Outcome.SUSPICIOUS:
        return Outcome.PASSED
    return outcome


def last_rulings(patch_sets: Iterable[PatchSet] | QuerySet[PatchSet]) -> dict[int, str]:
    """The last ruling about each verdict of these patch sets that has one, by the verdict's key."""
    rows = PatchSet.objects.filter(
        pk__in=[row.pk for row in patch_sets], jobs__verdict__rulings__isnull=False
    )
    told = rows.order_by("jobs__verdict__rulings__pk")
    return dict(told.values_list("jobs__verdict__pk", "jobs__verdict__rulings__kind"))
