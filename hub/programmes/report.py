"""What came of a programme in figures: computed from the rows as they are, nothing stored."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Count, DateTimeField, F, Max, Min, Q, QuerySet, Value

from hub.boards.models import Standing as Stored
from hub.catalog.models import Programme, Task
from hub.programmes import queries
from hub.programmes.models import Application
from hub.programmes.standings import HIDDEN, Row, Standing, rows_of, standing_on, tasks_of
from hub.programmes.statements import in_all
from hub.pulls.models import PatchSet, PullRequest
from hub.rewards.models import Reward

MERGED = Q(state=PullRequest.State.MERGED)
WORKED = {
    "pulls": Count("pk"),
    "merged": Count("pk", filter=MERGED),
    "last": Max("ended_at", filter=MERGED),
}  # of the pull requests of an author
SHARED: dict[str, Any] = {
    "pulls": Value(0),
    "merged": Value(0),
    "last": Value(None, DateTimeField()),
}  # of who was paid a share of another's


@dataclass(frozen=True)
class TaskLine:
    """What came of one task."""

    task: Task
    people: int
    pulls: int
    merged: int
    best: float | None  # ratio of the best work on its boards that was timed first while it ran


@dataclass(frozen=True)
class Report:
    """What came of a programme."""

    standing: Standing
    excerpt: list[Row]  # the first of it
    tasks: list[TaskLine]
    applied: int
    accepted: int
    people: int
    pulls: int
    merged: int
    patch_sets: int
    verdicts: int
    first_push: datetime | None
    last_merge: datetime | None
    points: int
    owed: Decimal | None  # by now, as the statement says; None where a point has no value


def without_speeds(found: Report) -> Report:
    """The report as people read it from whom the standing is hidden."""
    tasks = [replace(line, best=None) for line in found.tasks]
    return replace(found, standing=HIDDEN, excerpt=[], tasks=tasks)


def report(programme: Programme, excerpt: int, columns: int) -> Report:
    """Everything that its last page tells, from the rows as they are now.

    `excerpt`: lines of the standing that are shown, with points by task if there are at most `columns` tasks.
    """
    tasks = list(tasks_of(programme))
    inside = queries.insiders(programme)
    found, best = standing_on(programme, tasks, inside), _best(programme)
    booked, owed = in_all(programme, inside)
    pulls = _pulls(programme)
    worked = _worked(pulls)
    pushed = PatchSet.objects.filter(pull__in=pulls).aggregate(
        patch_sets=Count("pk", distinct=True),
        verdicts=Count("jobs__verdict", distinct=True),
        first_push=Min("pushed_at"),
    )
    applied = Application.objects.filter(programme=programme).exclude(state=Application.State.WITHDRAWN)
    chosen = Q(state=Application.State.ACCEPTED)
    counts = applied.aggregate(applied=Count("pk"), accepted=Count("pk", filter=chosen))
    return Report(
        standing=found,
        excerpt=rows_of(found.lines[:excerpt], tasks if len(tasks) <= columns else []),
        tasks=[_task_line(task, worked[task.pk], best.get(task.pk)) for task in tasks],
        people=len({row.person for rows in worked.values() for row in rows}),
        pulls=sum(row.pulls for rows in worked.values() for row in rows),
        merged=sum(row.merged for rows in worked.values() for row in rows),
        last_merge=max((row.last for rows in worked.values() for row in rows if row.last), default=None),
        points=booked,
        owed=owed,
        **pushed,
        **counts,
    )


def _pulls(programme: Programme) -> QuerySet[PullRequest]:
    """Pull requests that were opened while the programme ran; the house's do not count."""
    pulls = PullRequest.objects.filter(task__programme=programme, author__is_house=False)
    if programme.starts_at is not None:
        pulls = pulls.filter(opened_at__gte=programme.starts_at)
    if programme.ends_at is not None:
        pulls = pulls.filter(opened_at__lt=programme.ends_at)
    return pulls


class Worked(NamedTuple):
    """What a person did on a task."""

    task: int
    person: int
    pulls: int
    merged: int
    last: datetime | None  # merge


def _worked(pulls: QuerySet[PullRequest]) -> dict[int, list[Worked]]:
    """By task, once for each author and for each who was paid a share of merged work."""
    found = defaultdict[int, list[Worked]](list)
    own = pulls.order_by().values_list("task", "author").annotate(**WORKED)
    paid = pulls.filter(rewards__kind=Reward.Kind.MERGE).order_by().values_list("task", "rewards__user")
    for row in own.union(paid.annotate(**SHARED)):
        found[row[0]].append(Worked(*row))
    return found


def _best(programme: Programme) -> dict[int, float]:
    """Of each task the best ratio on its boards, as they are shown, of what was timed first while it ran."""
    rows = Stored.objects.filter(revision__task__programme=programme, revision__task__current=F("revision"))
    if programme.starts_at is not None:
        rows = rows.filter(first_at__gte=programme.starts_at)
    if programme.ends_at is not None:
        rows = rows.filter(first_at__lt=programme.ends_at)
    return dict(rows.order_by().values_list("revision__task").annotate(Max("ratio")))


def _task_line(task: Task, worked: list[Worked], best: float | None) -> TaskLine:
    pulls, merged = sum(row.pulls for row in worked), sum(row.merged for row in worked)
    return TaskLine(task, len({row.person for row in worked}), pulls, merged, best)
