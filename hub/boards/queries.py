"""Boards: a task's revision on a hardware class, computed from verdicts each time it is asked for.

Only passed, sandboxed verdicts of one revision make entries. Each contributor has one: the best confirmed one
if there is any, else the best. Two entries whose intervals overlap share a rank. What an entry shows of its
runs, and when it is confirmed or off the board: `runs.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, F, OuterRef, QuerySet

from bench_runner.contract import Outcome
from hub.accounts.models import User
from hub.bench.models import Job, Verdict
from hub.boards.runs import TIMED, Candidate, candidates, candidates_on, ratio_of
from hub.catalog.models import Task, TaskRevision
from hub.catalog.queries import published_tasks
from hub.pulls.models import PullRequest

PODIUM = 3  # so many places of a board are confirmed by a second run
NEWEST_OF_EACH = 20  # timings looked through for each board that is to be found


@dataclass(frozen=True)
class Entry:
    """One contributor's line. `ratio` is baseline over candidate with its 95 % interval."""

    rank: int
    tied: bool  # shares its rank with a neighbour
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


@dataclass(frozen=True)
class Board:
    task: Task
    hardware_class: str
    entries: tuple[Entry, ...]
    standing: tuple[Candidate, ...] = ()  # every artefact that is not off the board, the best of each or not

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
    """The board as of now, by the current rules or those of `revision`.

    `as_if`: as it would be if this re-judge set were applied.
    """
    rules = revision or task.current
    return _made(task, hardware_class, candidates(rules, hardware_class, as_if) if rules else [])


def boards_on(tasks: Iterable[Task]) -> dict[int, list[Board]]:
    """The boards on which each task's current revision has entries, by the task's key; in three queries."""
    by_revision = {task.current_id: task for task in tasks if task.current_id is not None}
    boards: dict[int, list[Board]] = {task.pk: [] for task in by_revision.values()}
    for (revision, name), found in sorted(candidates_on(by_revision.keys()).items()):
        made = _made(by_revision[revision], name, found)
        if made.entries:
            boards[made.task.pk].append(made)
    return boards


def boards_of(task: Task) -> list[Board]:
    """The boards on which the task's current revision has entries."""
    return boards_on([task]).get(task.pk, [])


def timed_tasks() -> QuerySet[Task]:
    """Published tasks by whose current revision something was timed."""
    timed = Job.objects.filter(revision=OuterRef("current"), kind__in=TIMED, state=Job.State.FINISHED)
    return published_tasks().filter(Exists(timed))


def earlier_board(task: Task, hardware_class: str) -> tuple[TaskRevision, Board] | None:
    """The board by the last rules before the current ones that has entries."""
    if task.current is None:
        return None
    before = {row.pk: row for row in task.revisions.filter(pk__lt=task.current.pk).defer("files")}
    found = candidates_on(before.keys(), hardware_class)
    for revision, name in sorted(found, reverse=True):
        made = _made(task, name, found[revision, name])
        if made.entries:
            return before[revision], made
    return None


def moved_last(most: int) -> list[Board]:
    """The boards of published tasks on which something was timed last, the newest first."""
    rows = Verdict.objects.filter(
        job__kind__in=TIMED,
        ranked=True,
        outcome=Outcome.PASSED,
        job__revision__task__current=F("job__revision"),
    )
    rows = rows.filter(job__revision__task__in=published_tasks()).order_by("-at")
    newest = list(rows.values_list("job__revision__task_id", flat=True)[: most * NEWEST_OF_EACH])
    tasks = Task.objects.in_bulk(list(dict.fromkeys(newest))[:most])
    boards = [found for rest in boards_on(tasks.values()).values() for found in rest]
    return sorted(boards, key=lambda found: -max(entry.at.timestamp() for entry in found.entries))[:most]


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


def _made(task: Task, hardware_class: str, found: Iterable[Candidate]) -> Board:
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
    """Number the sorted candidates; who overlaps with the one ranked directly above shares its rank."""
    ranks: list[int] = []
    for place, candidate in enumerate(best):
        above = best[place - 1].shown if place else None
        shares = above is not None and (candidate.shown.high or 0) >= (above.low or 0)
        ranks.append(ranks[-1] if shares else place + 1)
    return [
        _entry(candidate, rank, tied=ranks.count(rank) > 1)
        for rank, candidate in zip(ranks, best, strict=True)
    ]


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
    )
