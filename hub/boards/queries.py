"""Boards: a task's revision on a hardware class, computed from verdicts each time it is asked for.

Only passed, sandboxed verdicts of the task's current revision make entries. Each contributor has one: the
best confirmed one if there is any, else the best. Two entries whose intervals overlap share a rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bench_runner.contract import JobKind, Outcome
from hub.accounts.models import User
from hub.bench.models import Verdict
from hub.catalog.models import Task
from hub.pulls.models import PullRequest

TIMED = (JobKind.RANK, JobKind.CONFIRM)


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


def board(task: Task, hardware_class: str) -> Board:
    """The board as of now."""
    best = _best_by_contributor(_verdicts(task, hardware_class))
    return Board(task, hardware_class, tuple(_ranked(best)))


def hardware_classes(task: Task) -> list[str]:
    """Hardware classes on which the task's current revision has entries."""
    found = _entries(task).values_list("job__hardware_class", flat=True).distinct().order_by()
    return sorted(set(found))


def boards_of(task: Task) -> list[Board]:
    return [board(task, hardware) for hardware in hardware_classes(task)]


def leaders(tasks: list[Task]) -> list[Entry]:
    """The first of each board of the given tasks."""
    boards = (found for task in tasks for found in boards_of(task))
    return [found.entries[0] for found in boards if found.entries]


def is_new_first(verdict: Verdict) -> bool:
    """Whether this verdict would lead its board but no second run stands behind it yet."""
    if verdict.ratio is None or not verdict.ranked or verdict.outcome != Outcome.PASSED:
        return False
    runs = _entries(verdict.job.patch_set.pull.task).filter(job__patch_set=verdict.job.patch_set)
    if runs.filter(job__kind=JobKind.CONFIRM, job__hardware_class=verdict.job.hardware_class).exists():
        return False
    found = board(verdict.job.patch_set.pull.task, verdict.job.hardware_class)
    return all(verdict.ratio >= entry.ratio for entry in found.entries)


def _entries(task: Task):  # type: ignore[no-untyped-def]
    return Verdict.objects.filter(
        job__revision=task.current,
        job__kind__in=TIMED,
        outcome=Outcome.PASSED,
        ranked=True,
        ratio__isnull=False,
    )


def _verdicts(task: Task, hardware_class: str) -> list[Verdict]:
    rows = _entries(task).filter(job__hardware_class=hardware_class)
    return list(
        rows.select_related("job__patch_set__pull__author", "job__patch_set__pull__task")
        .defer("log", "cases", "environment")
        .order_by("at")
    )


def _best_by_contributor(verdicts: list[Verdict]) -> list[tuple[Verdict, bool]]:
    """For each contributor the entry's verdict and whether it is confirmed.

    A patch set is confirmed when its rank and its confirm run both passed. Its entry then shows the run with
    the lower ratio: a second throw of the dice must not help.
    """
    by_patch_set: dict[int, list[Verdict]] = {}
    for verdict in verdicts:
        by_patch_set.setdefault(verdict.job.patch_set_id, []).append(verdict)
    best: dict[int, tuple[Verdict, bool]] = {}
    for runs in by_patch_set.values():
        confirmed = any(run.job.kind == JobKind.CONFIRM for run in runs)
        shown = min(runs, key=_ratio)
        author = shown.job.patch_set.pull.author_id
        old = best.get(author)
        if old is None or (confirmed, _ratio(shown)) > (old[1], _ratio(old[0])):
            best[author] = (shown, confirmed)
    return sorted(best.values(), key=lambda pair: -_ratio(pair[0]))


def _ratio(verdict: Verdict) -> float:
    return verdict.ratio if verdict.ratio is not None else 0.0


def _ranked(best: list[tuple[Verdict, bool]]) -> list[Entry]:
    """Number the sorted verdicts; who overlaps with the one ranked directly above shares its rank."""
    ranks: list[int] = []
    for place, (verdict, _) in enumerate(best):
        above = best[place - 1][0] if place else None
        shares = above is not None and (verdict.high or 0) >= (above.low or 0)
        ranks.append(ranks[-1] if shares else place + 1)
    return [
        Entry(
            rank=rank,
            tied=ranks.count(rank) > 1,
            user=verdict.job.patch_set.pull.author,
            pull=verdict.job.patch_set.pull,
            verdict=verdict,
            ratio=_ratio(verdict),
            low=verdict.low or 0.0,
            high=verdict.high or 0.0,
            speed=verdict.speed,
            confirmed=confirmed,
            at=verdict.at,
        )
        for rank, (verdict, confirmed) in zip(ranks, best, strict=True)
    ]
