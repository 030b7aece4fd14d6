"""What the judge said of a task's examples: whether each got the verdict of its label by the current rules.

Not in charge of having them judged (`hub/publishing.py`). An example is a branch of a house account, so its
verdicts are like any other's; those that must not pass are kept from contributors (`User.keeps_rejects`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import F, Q

from bench_runner.contract import JobKind, Outcome
from hub.bench.models import Job
from hub.catalog.models import Task, TaskRevision
from hub.catalog.queries import spec_of
from hub.pulls.models import PatchSet
from hub.pulls.standing import counts, last_rulings, stands_as
from tasks.spec import Example


@dataclass(frozen=True)
class Tried:
    """An example and what came of it; `pull` and `outcome` are None as long as nothing has."""

    example: Example
    pull: int | None
    outcome: str | None

    @property
    def is_wrong(self) -> bool:
        """It was judged and got another verdict than its label says."""
        return self.outcome is not None and self.outcome != self.example.verdict


def tried(task: Task) -> list[Tried]:
    """Every example of the current revision."""
    if task.current is None:
        return []
    found = _judged(Q(patch_set__pull__task=task)).get(task.current.pk, {})
    return [
        Tried(example, *found.get(example.name, (None, None))) for example in spec_of(task.current).examples
    ]


def astray() -> Iterator[tuple[str, Tried]]:
    """Of all published tasks the examples that got another verdict, each with its task's slug."""
    found = _judged(Q(patch_set__pull__task__state=Task.State.PUBLISHED))
    for revision in TaskRevision.objects.filter(pk__in=found).select_related("task").defer("files"):
        judged = found[revision.pk]
        for example in spec_of(revision).examples:
            one = Tried(example, *judged.get(example.name, (None, None)))
            if one.is_wrong:
                yield revision.task.slug, one


class _Run(NamedTuple):
    patch_set: int
    pull: int
    verdict: int
    outcome: str


def _judged(which: Q) -> dict[int, dict[str, tuple[int, str]]]:
    """Pull request and outcome of each example by its name, by the key of the current revision.

    Of the newest patch set the last verdict of each kind counts; the first of these that did not pass tells.
    """
    jobs = Job.objects.filter(
        counts(),
        which,
        patch_set__pull__author__is_house=True,
        revision=F("patch_set__pull__task__current"),
        state=Job.State.FINISHED,
    ).exclude(kind=JobKind.MERGE)
    of_run = ("patch_set", "patch_set__pull", "verdict", "verdict__outcome")
    rows = jobs.order_by("patch_set", "queued_at")
    last: dict[tuple[int, str], dict[tuple[str, str], _Run]] = {}
    for revision, topic, kind, hardware, *run in rows.values_list(
        "revision", "patch_set__pull__topic", "kind", "hardware_class", *of_run
    ):
        made = _Run(*run)
        runs = last.setdefault((revision, topic), {})
        if any(one.patch_set != made.patch_set for one in runs.values()):
            runs.clear()
        runs[kind, hardware] = made
    told: dict[int, dict[str, tuple[int, str]]] = defaultdict(dict)
    rulings = _rulings(run for runs in last.values() for run in runs.values())
    for (revision, topic), runs in last.items():
        stands = [str(stands_as(run.outcome, rulings.get(run.verdict))) for run in runs.values()]
        wrong = (outcome for outcome in stands if outcome != Outcome.PASSED)
        pull = next(iter(runs.values())).pull
        told[revision][topic] = (pull, next(wrong, str(Outcome.PASSED)))
    return told


def _rulings(runs: Iterable[_Run]) -> dict[int, str]:
    """The last ruling about each verdict that one may have been given about."""
    doubtful = {run.patch_set for run in runs if run.outcome == Outcome.SUSPICIOUS}
    return last_rulings(PatchSet.objects.filter(pk__in=doubtful)) if doubtful else {}
