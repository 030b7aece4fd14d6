"""Standings across a programme's tasks, computed and never stored.

Not in charge of who is owed what (`statements.py`) nor of what came of it in all (`report.py`).

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
from functools import cached_property

from django.db.models import QuerySet, Sum

from hub.accounts.models import User
from hub.bench.models import Verdict
from hub.boards.runs import Candidate, candidates_on, ratio_of
from hub.catalog.models import Programme, Task
from hub.core import clock
from hub.programmes import queries
from hub.programmes.models import Member
from hub.rewards.models import Reward


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
    return standing_on(programme, tasks_of(programme), queries.insiders(programme))


def hides_from(programme: Programme, user: User) -> bool:
    """Whether this person sees no standing now."""
    hides = programme.kind == Programme.Kind.CONTEST and programme.is_hiding(clock.now())
    return hides and not queries.is_insider(programme, user)


def tasks_of(programme: Programme) -> QuerySet[Task]:
    """Those that count in it."""
    return programme.tasks.filter(state=Task.State.PUBLISHED)


def standing_on(programme: Programme, tasks: Iterable[Task], inside: set[int]) -> Standing:
    """The same, for a caller who has read its tasks and insiders."""
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
