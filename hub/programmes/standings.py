"""Standings across a programme's tasks, its report and who is owed what. All computed, nothing stored.

Theory of operation
- A contest counts what was pushed between start and end. A task gives all its points to whoever is as fast as
  its best entry (the intervals overlap), and to the others the share of them that their ratio is of the best
  one. On several hardware classes the best share counts. A team has the best entry of its people.
- The other kinds count points of the ledger that were booked for its tasks, from start to last review,
  reversals included.
- While it is frozen, only what was measured and booked before the freeze counts.
- While a contest hides entries, who takes part sees no standing: it would tell how others fare.
- Insiders (mentors of its tasks, maintainers, the house) are shown without a place, and are owed nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from hub.accounts.models import User
from hub.bench.models import Verdict
from hub.boards.runs import Candidate, candidates_on, ratio_of
from hub.catalog.models import Programme, Task
from hub.core import clock
from hub.programmes import queries
from hub.programmes.models import Application, Member
from hub.pulls.models import PatchSet, PullRequest
from hub.rewards.models import Reward

MERGED = Q(state=PullRequest.State.MERGED)


@dataclass(frozen=True)
class Line:
    """What a person or a team has, in all and by task (key of the task)."""

    name: str  # of the team; empty for a person
    people: tuple[User, ...]
    by_task: dict[int, float]
    outside: bool  # an insider: without a place
    rank: int | None = None

    @cached_property
    def total(self) -> float:
        return round(sum(self.by_task.values()), 2)


@dataclass(frozen=True)
class Standing:
    tasks: list[Task]
    lines: list[Line]
    frozen: bool
    inside: set[int]  # keys of the insiders
    hidden: bool = False  # there may be lines that this reader does not see

    def cells(self, line: Line) -> list[float | None]:
        """The line's points in the order of the tasks."""
        return [line.by_task.get(task.pk) for task in self.tasks]

    @property
    def rows(self) -> list[tuple[Line, list[float | None]]]:
        return [(line, self.cells(line)) for line in self.lines]


def standing(programme: Programme) -> Standing:
    """As of now; frozen while the programme says so."""
    tasks = list(programme.tasks.filter(state=Task.State.PUBLISHED))
    timed = _timed(programme, tasks) if programme.kind == Programme.Kind.CONTEST else None
    return _standing(programme, tasks, timed)


def hides_from(programme: Programme, user: User) -> bool:
    """Whether this person sees no standing now."""
    hides = programme.kind == Programme.Kind.CONTEST and programme.is_hiding(clock.now())
    return hides and not queries.is_insider(programme, user)


def hidden(programme: Programme) -> Standing:
    """What is shown to whom it is hidden from."""
    return Standing(list(programme.tasks.filter(state=Task.State.PUBLISHED)), [], False, set(), hidden=True)


def _standing(programme: Programme, tasks: list[Task], timed: Timed | None) -> Standing:
    until = _until(programme)
    inside = queries.insiders(programme)
    if programme.kind == Programme.Kind.CONTEST:
        found = _by_speed(timed or [])
    else:
        found = _by_points(programme, until)
    return Standing(tasks, _ranked(_lines(programme, found, inside)), until is not None, inside)


def _until(programme: Programme) -> datetime | None:
    """Until when what happened counts, while standings are frozen."""
    return programme.freeze_at if programme.is_frozen(clock.now()) else None


Timed = list[tuple[Task, list[Candidate]]]  # what counts on each board of each task


def _timed(programme: Programme, tasks: list[Task]) -> Timed:
    until = _until(programme)
    revisions = {task.current_id: task for task in tasks if task.current_id is not None}
    return [
        (
            revisions[revision],
            [one for candidate in found if (one := _entered(candidate, programme, until)) is not None],
        )
        for (revision, _hardware), found in candidates_on(revisions.keys()).items()
    ]


Points = dict[int, dict[int, float]]  # of a person's key, by task


def _by_speed(timed: Timed) -> Points:
    points: Points = defaultdict(dict)
    for task, entered in timed:
        best = max((one.shown for one in entered), key=ratio_of, default=None)
        for one in entered if best is not None else ():
            mine = task.points * _share(one.shown, best)
            before = points[one.author_id].get(task.pk, 0.0)
            points[one.author_id][task.pk] = max(before, mine)
    return points


def _entered(candidate: Candidate, programme: Programme, until: datetime | None) -> Candidate | None:
    """The candidate as far as it counts: pushed in time, measured before the freeze; None if it does not."""
    if candidate.fallen is not None:
        return None
    pushed = min(run.job.patch_set.pushed_at for run in candidate.runs)
    late = programme.ends_at is not None and pushed >= programme.ends_at
    early = programme.starts_at is not None and pushed < programme.starts_at
    runs = tuple(run for run in candidate.runs if until is None or run.at <= until)
    return None if late or early or not runs else replace(candidate, runs=runs)


def _share(verdict: Verdict, best: Verdict) -> float:
    if (verdict.high or 0) >= (best.low or 0):
        return 1.0
    return ratio_of(verdict) / ratio_of(best) if ratio_of(best) else 0.0


def ledger(programme: Programme, until: datetime | None = None) -> QuerySet[Reward]:
    """What was booked for its tasks while it ran or was reviewed."""
    rows = Reward.objects.filter(pull__task__programme=programme)
    if programme.starts_at is not None:
        rows = rows.filter(at__gte=programme.starts_at)
    end = programme.closes_at or programme.ends_at
    if end is not None:
        rows = rows.filter(at__lt=end)
    return rows.filter(at__lte=until) if until is not None else rows


def _by_points(programme: Programme, until: datetime | None) -> Points:
    sums = ledger(programme, until).order_by().values_list("user", "pull__task").annotate(sum=Sum("points"))
    points: Points = defaultdict(dict)
    for user, task, total in sums:
        points[user][task] = float(total)
    return points


def _lines(programme: Programme, found: Points, inside: set[int]) -> Iterable[Line]:
    """Teams put together, people named."""
    members = Member.objects.filter(programme=programme).select_related("team")
    team_of = {member.user_id: member.team for member in members} if programme.team_most > 1 else {}
    people = User.objects.in_bulk({*found, *team_of})
    groups: dict[tuple[str, int], list[int]] = defaultdict(list)
    for key in found.keys() | team_of.keys():
        groups[("team", team_of[key].pk) if key in team_of else ("person", key)].append(key)
    for (kind, _pk), keys in groups.items():
        by_task: dict[int, float] = {}
        for key in keys:
            for task, value in found.get(key, {}).items():
                by_task[task] = max(by_task.get(task, value), value)
        if by_task:
            name = team_of[keys[0]].name if kind == "team" else ""
            shown = sorted((people[key] for key in keys), key=lambda user: user.username)
            yield Line(name, tuple(shown), by_task, inside.issuperset(keys))


def _ranked(lines: Iterable[Line]) -> list[Line]:
    """Most points first; who has as many shares the place. Insiders stand without one."""
    ordered = sorted(lines, key=lambda line: (-line.total, line.name or line.people[0].username))
    ranked: list[Line] = []
    competing = 0
    above: Line | None = None
    for line in ordered:
        if line.outside:
            ranked.append(line)
            continue
        competing += 1
        same = above is not None and above.total == line.total
        above = replace(line, rank=above.rank if same and above else competing)
        ranked.append(above)
    return ranked


@dataclass(frozen=True)
class Owed:
    """A person's line of the statement."""

    user: User
    merged: int
    points: int
    amount: Decimal | None  # in the programme's currency; None where a point has no value
    insider: bool


def statement(programme: Programme) -> list[Owed]:
    """Who is owed what by the ledger, most first. Insiders are listed and are owed nothing."""
    return _statement(programme, queries.insiders(programme))


def _statement(programme: Programme, inside: set[int], known: Iterable[User] = ()) -> list[Owed]:
    merged = Count("pull", filter=Q(kind=Reward.Kind.MERGE), distinct=True)
    sums = ledger(programme).order_by().values("user").annotate(sum=Sum("points"), merged=merged)
    rows = {row["user"]: row for row in sums if row["sum"]}
    people = {user.pk: user for user in known}
    if missing := set(rows) - set(people):
        people |= User.objects.in_bulk(missing)
    found = [_owed(programme, people[key], row, key in inside) for key, row in rows.items()]
    return sorted(found, key=lambda owed: (owed.insider, -owed.points, owed.user.username))


def _owed(programme: Programme, user: User, row: dict[str, int], insider: bool) -> Owed:
    value = programme.point_value
    amount = None if value is None else Decimal(0) if insider else value * row["sum"]
    return Owed(user, row["merged"], row["sum"], amount, insider)


@dataclass(frozen=True)
class TaskLine:
    """What came of one task."""

    task: Task
    people: int
    pulls: int
    merged: int
    best: float | None  # ratio of the best timing that was pushed in time


@dataclass(frozen=True)
class Report:
    """What came of a programme."""

    standing: Standing
    statement: list[Owed]
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
    owed: Decimal | None


def without_speeds(found: Report) -> Report:
    """The report as people read it from whom the standing is hidden."""
    tasks = [replace(line, best=None) for line in found.tasks]
    return replace(found, standing=replace(found.standing, lines=[], hidden=True), tasks=tasks)


def report(programme: Programme) -> Report:
    """Everything that its last page tells, from the rows as they are now."""
    tasks = list(programme.tasks.filter(state=Task.State.PUBLISHED))
    timed = _timed(programme, tasks)
    found = _standing(programme, tasks, timed)
    owed = _statement(programme, found.inside, (user for line in found.lines for user in line.people))
    pulls = _pulls(programme)
    worked = list(
        pulls.order_by()
        .values("task", "author")
        .annotate(pulls=Count("pk"), merged=Count("pk", filter=MERGED), last=Max("ended_at", filter=MERGED))
    )
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
        statement=owed,
        tasks=[_task_line(task, worked, timed) for task in tasks],
        people=len({row["author"] for row in worked}),
        pulls=sum(row["pulls"] for row in worked),
        merged=sum(row["merged"] for row in worked),
        last_merge=max((row["last"] for row in worked if row["last"]), default=None),
        points=sum(line.points for line in owed),
        owed=_total(owed) if programme.point_value is not None else None,
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


def _task_line(task: Task, worked: list[dict[str, Any]], timed: Timed) -> TaskLine:
    rows = [row for row in worked if row["task"] == task.pk]
    ratios = [ratio_of(one.shown) for about, entered in timed if about.pk == task.pk for one in entered]
    return TaskLine(
        task=task,
        people=len(rows),
        pulls=sum(row["pulls"] for row in rows),
        merged=sum(row["merged"] for row in rows),
        best=max(ratios, default=None),
    )


def _total(owed: list[Owed]) -> Decimal:
    return sum((line.amount for line in owed if line.amount is not None), Decimal(0))
