"""Who mentors and who maintains which tasks: everywhere by a role of the account, else by appointment.

An appointment counts for one task or for all tasks of one SIG. Nobody has a right without one: a page and an
action ask here, the action being the one that counts. What anybody may do is not asked here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.catalog.models import Appointment, Task
from hub.catalog.queries import open_to_all
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow

Role = Appointment.Role
Reader = User | AnonymousUser
KEPT = "_held_appointments"  # on the person, who is read anew for each request


class Held(NamedTuple):
    """One appointment of a person; one of `sig` and `task` says for what."""

    role: str
    sig: str
    task: int | None

    def covers(self, task: Task) -> bool:
        return task.sig == self.sig if self.sig else task.pk == self.task


def held(user: User) -> tuple[Held, ...]:
    """A person's appointments; one query for each time that the person is read."""
    if not user.is_authenticated or not getattr(user, "is_appointed", True):  # known of who sends a request
        return ()
    if KEPT not in user.__dict__:
        rows = Appointment.objects.filter(user=user, ended_at=None).values_list("role", "sig", "task_id")
        user.__dict__[KEPT] = tuple(Held(*row) for row in rows)
    kept: tuple[Held, ...] = user.__dict__[KEPT]
    return kept


def mentors(task: Task, user: User) -> bool:
    """Whether this person may review and merge on this task: its mentor, in whatever way, or maintainer."""
    if not user.is_authenticated:
        return False
    named = user.is_maintainer or user in task.mentors.all()
    return named or any(one.covers(task) for one in held(user))


def maintains(task: Task, user: User) -> bool:
    """Whether this person may rule on verdicts of this task and have them judged again."""
    if not user.is_authenticated:
        return False
    return user.is_maintainer or any(one.role == Role.MAINTAINER and one.covers(task) for one in held(user))


def hides_from(task: Task, reader: Reader) -> bool:
    """Whether this person sees nothing now of what others made of this task."""
    return task.is_hidden(clock.now()) and not (isinstance(reader, User) and mentors(task, reader))


def hides_something() -> bool:
    """Whether there is a task now of which somebody sees more than others."""
    return Task.objects.exclude(open_to_all(clock.now())).exists()


def hidden_from(user: int, now: datetime) -> QuerySet[Task]:
    """All tasks of which `hides_from` says so then, of who is no maintainer: a condition for lists."""
    hidden = Task.objects.exclude(open_to_all(now)).exclude(mentors=user)
    own = Appointment.objects.filter(user=user, ended_at=None)
    hidden = hidden.exclude(sig__in=own.exclude(sig="").values("sig"))
    return hidden.exclude(pk__in=own.exclude(task=None).values("task"))


def mentors_any(user: User) -> bool:
    """Whether there is a task whose mentor or maintainer this person is."""
    if not user.is_authenticated:
        return False
    return user.is_mentor or user.is_maintainer or bool(held(user)) or user.mentored_tasks.exists()


def mentored_by(user: User, task: str = "task") -> Q:
    """The rows whose `task` this person mentors; for those who have no role everywhere."""
    found = Q(**{f"{task}__mentors": user})
    sigs = [one.sig for one in held(user) if one.sig]
    tasks = [one.task for one in held(user) if one.task]
    if sigs:
        found |= Q(**{f"{task}__sig__in": sigs})
    if tasks:
        found |= Q(**{f"{task}__in": tasks})
    return found


def may_appoint(by: User, role: str, sig: str, task: Task | None) -> bool:
    """Maintainers of the hub appoint anybody; those of a SIG or task appoint its mentors."""
    if not by.is_authenticated:
        return False
    if by.is_maintainer:
        return True
    return role == Role.MENTOR and any(
        one.role == Role.MAINTAINER and (one.covers(task) if task else one.sig == sig) for one in held(by)
    )


def appointments(by: User) -> QuerySet[Appointment]:
    """What this person sees and ends: a maintainer of the hub all, another those of their SIGs and tasks."""
    rows = Appointment.objects.filter(ended_at=None).select_related("user", "task", "by")
    if by.is_maintainer:
        return rows
    own = [one for one in held(by) if one.role == Role.MAINTAINER]
    sigs = [one.sig for one in own if one.sig]
    return rows.filter(
        Q(sig__in=sigs) | Q(task__sig__in=sigs) | Q(task__in=[one.task for one in own if one.task])
    )


def appoint(by: User, username: str, role: str, scope: str) -> Appointment:
    """Make somebody mentor or maintainer of a task, or of all tasks of a SIG; `scope` is the slug of either.

    Raises:
        NotAllowed: they may not appoint for that.
        BadInput: there is no such person, role, task or SIG.
        NotNow: the person holds that already.
    """
    task = Task.objects.filter(slug=scope).exclude(kind=Task.Kind.EXERCISE).first()
    sig = "" if task is not None else scope
    if task is None and not Task.objects.filter(sig=scope).exists():
        raise BadInput(
            _("There is no task and no SIG “%(name)s”: give the name in its address.") % {"name": scope}
        )
    if role not in Role:
        raise BadInput(_("“%(name)s” is no role: give mentor or maintainer.") % {"name": role})
    if not may_appoint(by, role, sig, task):
        raise NotAllowed(_("You may not appoint somebody for that."))
    user = User.objects.filter(username=username.strip().lower(), is_active=True, is_house=False).first()
    if user is None:
        raise BadInput(_("There is nobody named “%(name)s”.") % {"name": username})
    try:
        with transaction.atomic():
            made = Appointment.objects.create(user=user, role=role, sig=sig, task=task, by=by, at=clock.now())
            record(by, "role.given", made, user=user.pk, role=role, scope=scope)
    except IntegrityError as error:
        raise NotNow(_("%(name)s holds that role already.") % {"name": user.shown_name}) from error
    return made


def dismiss(by: User, appointment: Appointment) -> None:
    """End an appointment; one's own as well.

    Raises:
        NotAllowed: they may not decide about that.
        NotNow: it has ended already.
    """
    own = by.pk == appointment.user_id
    if not own and not may_appoint(by, appointment.role, appointment.sig, appointment.task):
        raise NotAllowed(_("You may not end this role."))
    with transaction.atomic():
        live = Appointment.objects.filter(pk=appointment.pk, ended_at=None)
        if not live.update(ended_at=clock.now()):
            raise NotNow(_("This role has ended already."))
        record(by, "role.ended", appointment)


def end_all(user: User) -> None:
    """Whoever leaves holds nothing any more."""
    for appointment in Appointment.objects.filter(user=user, ended_at=None):
        dismiss(user, appointment)


def scopes(by: User) -> Iterable[str]:
    """Slugs that may be given to `appoint`, SIGs first."""
    tasks = Task.objects.filter(state=Task.State.PUBLISHED).exclude(kind=Task.Kind.EXERCISE)
    if not by.is_maintainer:
        own = [one for one in held(by) if one.role == Role.MAINTAINER]
        tasks = tasks.filter(
            Q(sig__in=[one.sig for one in own if one.sig]) | Q(pk__in=[one.task for one in own if one.task])
        )
    rows = list(tasks.values_list("sig", "slug"))
    return [*sorted({sig for sig, _slug in rows}), *sorted(slug for _sig, slug in rows)]
