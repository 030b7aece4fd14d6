"""Reads about programmes: which there are, who may do what in them, who would get which task."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from django.db.models import Count, Prefetch, Q, QuerySet
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.catalog.models import Programme, Task
from hub.core import clock
from hub.programmes.matching import stable_match
from hub.programmes.models import Announcement, Application, Member, Team, Wish


def programmes() -> list[Programme]:
    """All, with `task_count`: what goes on or comes first, what is over last; then by date."""
    found = list(Programme.objects.annotate(task_count=Count("tasks")))
    now = clock.now()
    over = Programme.Stage.OVER
    return sorted(found, key=lambda one: (one.stage(now) == over, _next_date(one), one.slug))


def next_programme() -> Programme | None:
    """The one whose next date comes soonest; of those without any date to come, one that goes on."""
    now = clock.now()
    return next((one for one in programmes() if one.stage(now) != Programme.Stage.OVER), None)


def _next_date(programme: Programme) -> float:
    """The next of its dates as a timestamp; infinity if none is to come, so that it stands behind."""
    now = clock.now()
    given = (
        programme.apply_from,
        programme.apply_until,
        programme.starts_at,
        programme.ends_at,
        programme.closes_at,
    )
    return min((at.timestamp() for at in given if at is not None and at > now), default=float("inf"))


def tasks_in(programme: Programme) -> list[Task]:
    """Its published tasks, easy ones first."""
    return list(programme.tasks.filter(state=Task.State.PUBLISHED).prefetch_related("mentors"))


def may_organise(user: User) -> bool:
    """Maintainers make programmes, change them, announce, and decide about applications."""
    return bool(user.is_authenticated and user.is_maintainer)


def mentors_in(programme: Programme, user: User) -> bool:
    """Whether there is a task of it whose applicants this person ranks: as `mentored_in`, in one query."""
    if not user.is_authenticated:
        return False
    tasks = programme.tasks.filter(state=Task.State.PUBLISHED)
    return (tasks if user.is_maintainer else tasks.filter(mentors=user)).exists()


def mentored_in(tasks: Iterable[Task], user: User) -> list[Task]:
    """Those of these tasks whose applicants this person ranks: a maintainer all, mentors their own."""
    if not user.is_authenticated:
        return []
    return [task for task in tasks if user.is_maintainer or user in task.mentors.all()]


def is_insider(programme: Programme, user: User) -> bool:
    """Who mentors a task of it or maintains the hub takes part beside the competition, unpaid."""
    return user.pk in insiders(programme)


def insiders(programme: Programme) -> set[int]:
    mentors = Task.mentors.through.objects.filter(task__programme=programme).values("user")
    rows = User.objects.filter(Q(is_maintainer=True) | Q(is_house=True) | Q(pk__in=mentors))
    return set(rows.values_list("pk", flat=True))


def announcements(programme: Programme) -> QuerySet[Announcement]:
    """What is announced and not taken back, newest first."""
    return programme.announcements.filter(withdrawn_at=None).select_related("author")


# Applications


def application_of(programme: Programme, user: User) -> Application | None:
    if not user.is_authenticated or not programme.wishes_most:
        return None
    rows = Application.objects.filter(programme=programme, user=user).select_related("task")
    return rows.prefetch_related("wishes__task").first()


def why_not_apply(programme: Programme, user: User) -> str | None:
    """Why this person cannot apply now, as a translated sentence; None if they can."""
    now = clock.now()
    if not programme.wishes_most:
        return _("“%(name)s” takes no applications: claim one of its tasks.") % {"name": programme.title}
    if not programme.takes_applications(now):
        if programme.apply_from is not None and programme.apply_from > now:
            words = _("Applications open on %(date)s.")
            return words % {"date": programme.tell(programme.apply_from)}
        return _("Applications are closed.")
    if is_insider(programme, user):
        return _("You mentor or maintain here: insiders do not apply.")
    return None


def why_not_claim(task: Task, user: User) -> str | None:
    """Why a programme that chooses its people does not let this one claim the task; None if it does."""
    programme = task.programme
    if programme is None or not programme.wishes_most:
        return None
    own = Application.objects.filter(programme=programme, user=user, state=Application.State.ACCEPTED)
    if own.filter(task=task).exists():
        return None
    words = _("This task is for whom “%(name)s” has chosen for it: apply on the programme's page.")
    return words % {"name": programme.title}


def applications(programme: Programme) -> QuerySet[Application]:
    """All that were not withdrawn, in the order they came, with their wishes."""
    rows = programme.applications.exclude(state=Application.State.WITHDRAWN)
    return rows.select_related("user", "task", "programme").prefetch_related("wishes__task")


def wishes_for(tasks: Iterable[Task], programme: Programme) -> QuerySet[Wish]:
    """Who would like these tasks and waits for the choice; whom the mentors want most first."""
    rows = Wish.objects.filter(
        task__in=list(tasks),
        application__programme=programme,
        application__state=Application.State.SUBMITTED,
    )
    return rows.select_related("application__user").order_by("mentor_rank", "application_id")


@dataclass(frozen=True)
class Line:
    """An applicant, and the wish that would be fulfilled; None if none would."""

    application: Application
    wish: Wish | None


@dataclass(frozen=True)
class Plan:
    """The match as it would be applied now. The digest tells one from another."""

    lines: tuple[Line, ...]
    unranked: int  # wishes that no mentor has ranked: they cannot be fulfilled
    digest: str

    @property
    def placed(self) -> int:
        return sum(line.wish is not None for line in self.lines)


def plan(programme: Programme) -> Plan:
    """Who would get which task by the wishes and ranks as they are."""
    waiting = list(applications(programme).filter(state=Application.State.SUBMITTED))
    wishes = {one.pk: [wish.task_id for wish in one.wishes.all()] for one in waiting}
    every = [wish for one in waiting for wish in one.wishes.all()]
    ranks: dict[int, dict[int, int]] = {}
    for wish in every:
        if wish.mentor_rank is not None:
            ranks.setdefault(wish.task_id, {})[wish.application_id] = wish.mentor_rank
    slots = {task.pk: task.slots for task in tasks_in(programme)}
    found = stable_match(wishes, ranks, slots)
    seen = json.dumps(
        [
            sorted(slots.items()),
            [(one.pk, [(w.task_id, w.mentor_rank) for w in one.wishes.all()]) for one in waiting],
        ]
    )
    by_place = {(wish.application_id, wish.task_id): wish for wish in every}
    lines = tuple(Line(one, by_place.get((one.pk, found.get(one.pk, 0)))) for one in waiting)
    unranked = sum(wish.mentor_rank is None for wish in every)
    return Plan(lines, unranked, sha256(seen.encode()).hexdigest())


# Teams


def teams(programme: Programme) -> list[Team]:
    """With their people; in two queries."""
    people = Member.objects.select_related("user")
    return list(programme.teams.prefetch_related(Prefetch("members", people)))


def team_of(found: Iterable[Team], user: User) -> Team | None:
    """The one of these teams that the person is in."""
    return next((team for team in found if any(one.user_id == user.pk for one in team.members.all())), None)
