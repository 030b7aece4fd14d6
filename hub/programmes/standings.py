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
from typing import Any, NamedTuple

from django.db.models import Count, DateTimeField, F, Max, Min, Q, QuerySet, Sum, Value

from hub.accounts.models import User
from hub.bench.models import Verdict
from hub.boards.models import Standing as Stored
from hub.boards.runs import Candidate, candidates_on, ratio_of
from hub.catalog.models import Programme, Task
from hub.core import clock
from hub.programmes import queries
from hub.programmes.models import Application, Member
from hub.programmes.payout import due
from hub.programmes.stages import parts, stages_of
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
class Line:
    """What a person or a team has, in all and by task (key of the task)."""

    name: str  # of the team; empty for a person
    people: tuple[int, ...]  # their keys, in the order of their names
    by_task: dict[int, float]
    outside: bool  # an insider: without a place
    rank: int | None = None

    @cached_property
    def total(self) -> float:
        return round(sum(self.by_task.values()), 2)


@dataclass(frozen=True)
class Standing:
    """Keys and figures alone, so that it can be kept: the people are read for the lines that are shown."""

    lines: list[Line]
    frozen: bool
    hidden: bool = False  # there may be lines that this reader does not see


@dataclass(frozen=True)
class Row:
    """A line with its people and its points in the order of the tasks that are shown."""

    line: Line
    people: list[User]
    cells: list[float | None]


HIDDEN = Standing([], frozen=False, hidden=True)  # what is shown to whom it is hidden from


def rows_of(lines: Iterable[Line], tasks: Iterable[Task]) -> list[Row]:
    """These lines as they are shown, with a cell for each of these tasks; in one query."""
    shown, keys = list(lines), [task.pk for task in tasks]
    people = User.objects.in_bulk({key for line in shown for key in line.people})
    return [
        Row(line, [people[key] for key in line.people], [line.by_task.get(key) for key in keys])
        for line in shown
    ]


def standing(programme: Programme) -> Standing:
    """As of now; frozen while the programme says so."""
    return _standing(programme, _tasks(programme), queries.insiders(programme))


def hides_from(programme: Programme, user: User) -> bool:
    """Whether this person sees no standing now."""
    hides = programme.kind == Programme.Kind.CONTEST and programme.is_hiding(clock.now())
    return hides and not queries.is_insider(programme, user)


def _tasks(programme: Programme) -> QuerySet[Task]:
    return programme.tasks.filter(state=Task.State.PUBLISHED)


def _standing(programme: Programme, tasks: Iterable[Task], inside: set[int]) -> Standing:
    until = _until(programme)
    contest = programme.kind == Programme.Kind.CONTEST
    found = _by_speed(programme, tasks, until) if contest else _by_points(programme, until)
    return Standing(_ranked(_lines(programme, found, inside)), until is not None)


def _until(programme: Programme) -> datetime | None:
    """Until when what happened counts, while standings are frozen."""
    return programme.freeze_at if programme.is_frozen(clock.now()) else None


Person = tuple[int, str]  # key and username
Points = dict[Person, dict[int, float]]  # by task


def _by_speed(programme: Programme, tasks: Iterable[Task], until: datetime | None) -> Points:
    points: Points = defaultdict(dict)
    by_revision = {task.current_id: task for task in tasks if task.current_id is not None}
    for (revision, _hardware), found in candidates_on(by_revision.keys()).items():
        task = by_revision[revision]
        entered = [one for each in found if (one := _entered(each, programme, until)) is not None]
        best = max((one.shown for one in entered), key=ratio_of, default=None)
        for one in entered if best is not None else ():
            mine, author = task.points * _share(one.shown, best), one.shown.job.patch_set.pull.author
            own = points[author.pk, author.username]
            own[task.pk] = max(own.get(task.pk, 0.0), mine)
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
    by = ledger(programme, until).order_by().values_list("user", "user__username", "pull__task")
    points: Points = defaultdict(dict)
    for user, name, task, total in by.annotate(sum=Sum("points")):
        points[user, name][task] = float(total)
    return points


def _lines(programme: Programme, found: Points, inside: set[int]) -> Iterable[Line]:
    """Teams put together; by name."""
    members = Member.objects.filter(programme=programme).select_related("team", "user")
    team_of = {
        (member.user_id, member.user.username): member.team
        for member in (members if programme.team_most > 1 else ())
    }
    groups: dict[tuple[str, int], list[Person]] = defaultdict(list)
    for person in found.keys() | team_of.keys():
        in_team = person in team_of
        groups[("team", team_of[person].pk) if in_team else ("person", person[0])].append(person)
    named = []
    for (kind, _pk), people in groups.items():
        by_task: dict[int, float] = {}
        for person in people:
            for task, value in found.get(person, {}).items():
                by_task[task] = max(by_task.get(task, value), value)
        if by_task:
            people.sort(key=lambda person: person[1])
            name, keys = team_of[people[0]].name if kind == "team" else "", tuple(key for key, _ in people)
            line = Line(name, keys, by_task, inside.issuperset(keys))
            named.append((name or people[0][1], line))
    return [line for _name, line in sorted(named, key=lambda pair: pair[0])]


def _ranked(lines: Iterable[Line]) -> list[Line]:
    """Most points first; who has as many shares the place. Insiders stand without one."""
    ordered = sorted(lines, key=lambda line: -line.total)  # who stood first by name still does among equals
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
    due: int  # of the points, what is to be paid by now
    amount: Decimal | None  # for these, in the programme's currency; None where a point has no value
    insider: bool
    stages: tuple[int, ...]  # what of `due` each stage brings, where a programme pays by stages

    @property
    def rest(self) -> int:
        """Points that are not due yet."""
        return self.points - self.due


def statement(programme: Programme) -> list[Owed]:
    """Who is owed what by the ledger, most first. Insiders are listed and are owed nothing.

    Where a programme pays by stages, the points of work that is not merged yet are counted as well: what
    stages of it are passed is due.
    """
    inside = queries.insiders(programme)
    merged = Count("pull", filter=Q(kind=Reward.Kind.MERGE), distinct=True)
    sums = ledger(programme).order_by().values("user").annotate(sum=Sum("points"), merged=merged)
    rows = {row["user"]: {**row, "due": row["sum"], "stages": ()} for row in sums if row["sum"]}
    if programme.payout_tiers:
        _pay_by_tiers(programme, rows)
    if programme.payout_stages:
        _pay_by_stages(programme, rows)
    people = User.objects.in_bulk(rows)
    found = [_owed(programme, people[key], row, key in inside) for key, row in rows.items()]
    return sorted(found, key=lambda owed: (owed.insider, -owed.points, owed.user.username))


def _pay_by_tiers(programme: Programme, rows: dict[int, dict[str, Any]]) -> None:
    booked: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    for user, at, points in ledger(programme).values_list("user", "at", "points"):
        booked[user].append((at, points))
    for key, row in rows.items():
        row["due"] = due(programme, booked[key])


def _pay_by_stages(programme: Programme, rows: dict[int, dict[str, Any]]) -> None:
    """Points for anything else than one's work on a task are due as they are booked."""
    stages = stages_of(programme.payout_stages)
    for part in parts(programme, ledger(programme)):
        nothing = {"sum": 0, "merged": 0, "due": 0, "stages": ()}
        row = rows.setdefault(part.user.pk, nothing)
        by_stage = part.due(stages)
        row["sum"] += 0 if part.merged else part.points
        row["due"] += sum(by_stage.values()) - (part.points if part.merged else 0)
        before = row["stages"] or (0,) * len(stages)
        row["stages"] = tuple(had + by_stage[stage.place] for had, stage in zip(before, stages, strict=True))


def _owed(programme: Programme, user: User, row: dict[str, Any], insider: bool) -> Owed:
    value = programme.point_value
    amount = None if value is None else Decimal(0) if insider else value * row["due"]
    return Owed(user, row["merged"], row["sum"], row["due"], amount, insider, row["stages"])


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
    owed: Decimal | None


def without_speeds(found: Report) -> Report:
    """The report as people read it from whom the standing is hidden."""
    tasks = [replace(line, best=None) for line in found.tasks]
    return replace(found, standing=HIDDEN, excerpt=[], tasks=tasks)


def report(programme: Programme, excerpt: int, columns: int) -> Report:
    """Everything that its last page tells, from the rows as they are now.

    `excerpt`: lines of the standing that are shown, with points by task if there are at most `columns` tasks.
    """
    tasks = list(_tasks(programme))
    inside = queries.insiders(programme)
    found, best = _standing(programme, tasks, inside), _best(programme)
    paid = ledger(programme).aggregate(
        booked=Sum("points", default=0), owed=Sum("points", filter=~Q(user__in=inside), default=0)
    )
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
        points=paid["booked"],
        owed=None if programme.point_value is None else programme.point_value * paid["owed"],
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
