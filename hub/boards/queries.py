"""Boards: a task's revision on a hardware class, computed from verdicts each time it is asked for.

Pages read what was computed last: `stored.py`.

Only passed, sandboxed verdicts of one revision make entries. Each contributor has one: the best confirmed one
if there is any, else the best. An entry's rank is one more than there are entries that are certainly quicker,
whose whole interval lies above its own. So entries of one rank overlap, each with each, and a chain of
overlaps shares no rank from end to end. What an entry shows of its runs, and when it is confirmed or off the
board: `runs.py`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from hub.accounts.models import User
from hub.bench.models import Job, Verdict
from hub.boards.runs import TIMED, Candidate, as_of, candidates, candidates_on, ratio_of
from hub.catalog.models import Task, TaskRevision
from hub.catalog.queries import published_tasks
from hub.core import clock
from hub.pulls.models import PullRequest

PODIUM = 3  # so many places of a board are confirmed by a second run


@dataclass(frozen=True)
class Entry:
    """One contributor's line. `ratio` is baseline over candidate with its 95 % interval."""

    rank: int  # 0: not told
    tied: bool  # shares its rank
    user: User
    pull: PullRequest
    verdict: Verdict
    ratio: float
    low: float
    high: float
    speed: str
    confirmed: bool  # a second run with fresh seeds stands behind it
    disputed: bool  # there is one, and it says something else
    runs: int  # timed runs of this artefact
    at: datetime
    figures: Mapping[str, float]  # size, memory, accuracy, as far as they were measured


@dataclass(frozen=True)
class Board:
    task: Task
    hardware_class: str
    entries: tuple[Entry, ...]
    standing: tuple[Candidate, ...] = ()  # every artefact that is not off the board, the best of each or not
    number_of_all: int | None = None  # of entries, where only some were read

    @property
    def number(self) -> int:
        """Of entries in all."""
        return len(self.entries) if self.number_of_all is None else self.number_of_all

    @property
    def confirmed(self) -> bool:
        return all(entry.confirmed for entry in self.entries if entry.rank == 1)

    @property
    def baseline_after(self) -> int:
        """How many entries stand above the baseline's own line (ratio 1)."""
        return sum(entry.ratio >= 1 for entry in self.entries)


def board(
    task: Task, hardware_class: str, revision: TaskRevision | None = None, as_if: int | None = None
) -> Board:
    """The board as of now, by the current rules or those of `revision`, frozen or not.

    `as_if`: as it would be if this re-judge set were applied.
    """
    rules = revision or task.current
    return made_from(task, hardware_class, candidates(rules, hardware_class, as_if) if rules else [])


def classes_of(task: Task) -> list[str]:
    """Hardware classes on which something was timed by the current rules."""
    timed = Job.objects.filter(revision=task.current_id, kind__in=TIMED, state=Job.State.FINISHED)
    return sorted(timed.order_by().values_list("hardware_class", flat=True).distinct())


def timed_tasks() -> QuerySet[Task]:
    """Published tasks by whose current revision something was timed."""
    timed = Job.objects.filter(revision=OuterRef("current"), kind__in=TIMED, state=Job.State.FINISHED)
    return published_tasks().filter(Exists(timed))


def earlier_board(task: Task, hardware_class: str) -> tuple[TaskRevision, Board] | None:
    """The board by the last rules before the current ones that has entries, as people see it."""
    if task.current is None:
        return None
    before = {row.pk: row for row in task.revisions.filter(pk__lt=task.current.pk).defer("files")}
    found = candidates_on(before.keys(), hardware_class)
    until = task.frozen_since(clock.now())
    for revision, name in sorted(found, reverse=True):
        made = made_from(task, name, as_of(found[revision, name], until))
        if made.entries:
            return before[revision], made
    return None


def unconfirmed_podium(task: Task, hardware_class: str) -> list[Candidate]:
    """Who would stand on the podium and has no second run that agrees, best first."""
    best: dict[int, Candidate] = {}
    for candidate in candidates(task.current, hardware_class) if task.current else []:
        eligible = candidate.fallen is None or candidate.wants_confirmation
        old = best.get(candidate.author_id)
        if eligible and (old is None or ratio_of(candidate.shown) > ratio_of(old.shown)):
            best[candidate.author_id] = candidate
    first = sorted(best.values(), key=lambda candidate: -ratio_of(candidate.shown))[:PODIUM]
    return [candidate for candidate in first if candidate.wants_confirmation]


def made_from(task: Task, hardware_class: str, found: Iterable[Candidate]) -> Board:
    """The board of these artefacts."""
    standing = tuple(candidate for candidate in found if candidate.fallen is None)
    return Board(task, hardware_class, tuple(_ranked(_best_by_contributor(standing))), standing)


def _best_by_contributor(found: Iterable[Candidate]) -> list[Candidate]:
    best: dict[int, Candidate] = {}
    for candidate in found:
        old = best.get(candidate.author_id)
        if old is None or _merit(candidate) > _merit(old):
            best[candidate.author_id] = candidate
    return sorted(best.values(), key=lambda candidate: -ratio_of(candidate.shown))


def _merit(candidate: Candidate) -> tuple[bool, float]:
    return candidate.confirmed, ratio_of(candidate.shown)


def _ranked(best: list[Candidate]) -> list[Entry]:
    """By rank, and within one by ratio, as `best` is."""
    lows = sorted(candidate.shown.low or 0.0 for candidate in best)
    ranks = [1 + len(lows) - bisect_right(lows, candidate.shown.high or 0.0) for candidate in best]
    number = Counter(ranks)
    ranked = sorted(zip(ranks, best, strict=True), key=lambda pair: pair[0])
    return [_entry(candidate, rank, tied=number[rank] > 1) for rank, candidate in ranked]


def _entry(candidate: Candidate, rank: int, *, tied: bool) -> Entry:
    verdict = candidate.shown
    return Entry(
        rank=rank,
        tied=tied,
        user=verdict.job.patch_set.pull.author,
        pull=verdict.job.patch_set.pull,
        verdict=verdict,
        ratio=ratio_of(verdict),
        low=verdict.low or 0.0,
        high=verdict.high or 0.0,
        speed=verdict.speed,
        confirmed=candidate.confirmed,
        disputed=candidate.disputed,
        runs=len(candidate.runs),
        at=verdict.at,
        figures=candidate.figures,
    )
