"""Boards: a task's revision on a hardware class, computed from verdicts each time it is asked for.

Only passed, sandboxed verdicts of one revision make entries. Each contributor has one: the best confirmed one
if there is any, else the best. Two entries whose intervals overlap share a rank. What an entry shows of its
runs, and when it is confirmed or off the board: `runs.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bench_runner.contract import Outcome
from hub.accounts.models import User
from hub.bench.models import Verdict
from hub.boards.runs import TIMED, Candidate, candidates, ratio_of
from hub.catalog.models import Task, TaskRevision
from hub.pulls.models import PullRequest
from hub.pulls.standing import counts

PODIUM = 3  # so many places of a board are confirmed by a second run


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
    found = candidates(rules, hardware_class, as_if) if rules else []
    standing = [candidate for candidate in found if candidate.fallen is None]
    return Board(task, hardware_class, tuple(_ranked(_best_by_contributor(standing))))


def boards_of(task: Task) -> list[Board]:
    """The boards on which the task's current revision has entries."""
    boards = (board(task, name) for name in _timed_on(task.current))
    return [found for found in boards if found.entries]


def hardware_classes(task: Task) -> list[str]:
    """Hardware classes on which the task's current revision has entries."""
    return [found.hardware_class for found in boards_of(task)]


def earlier_board(task: Task, hardware_class: str) -> tuple[TaskRevision, Board] | None:
    """The board by the last rules before the current ones that has entries."""
    if task.current is None:
        return None
    for revision in task.revisions.filter(pk__lt=task.current.pk).order_by("-pk"):
        found = board(task, hardware_class, revision)
        if found.entries:
            return revision, found
    return None


def leaders(tasks: list[Task]) -> list[Entry]:
    """The first of each board of the given tasks."""
    return [found.entries[0] for task in tasks for found in boards_of(task)]


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


def _timed_on(revision: TaskRevision | None) -> list[str]:
    rows = Verdict.objects.filter(
        counts("job__"), job__revision=revision, job__kind__in=TIMED, ranked=True, ratio__isnull=False
    )
    made = rows.filter(outcome__in=(Outcome.PASSED, Outcome.SUSPICIOUS))
    return sorted(set(made.order_by().values_list("job__hardware_class", flat=True)))


def _best_by_contributor(found: list[Candidate]) -> list[Candidate]:
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
