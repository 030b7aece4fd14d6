"""Reading the record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.models import Event


def events_about(subject: Model) -> QuerySet[Event]:
    """Everything that was booked about one row, oldest first."""
    return Event.objects.filter(
        subject_type=subject._meta.label_lower, subject_id=str(subject.pk)
    ).select_related("actor")


@dataclass(frozen=True)
class Wanted:
    """Which events are looked for; what is empty is not asked for. Days are of the site's time zone."""

    who: str = ""  # a username; "-" for what the hub did by itself
    verb: str = ""  # the beginning of it: "worker." or "worker.paused"
    subject_type: str = ""  # the end of it: "task" is enough for "catalog.task"
    subject_id: str = ""
    since: date | None = None
    until: date | None = None  # this day included


def why_not_read(user: User) -> str | None:
    """Why this person does not read the record, as a sentence; None if they may."""
    if user.is_authenticated and user.is_maintainer:
        return None
    return _("Only maintainers read the record of what was done.")


def events(wanted: Wanted) -> QuerySet[Event]:
    """What was booked, newest first."""
    rows = Event.objects.select_related("actor").order_by("-pk")
    if wanted.who == "-":
        rows = rows.filter(actor=None)
    elif wanted.who:
        rows = rows.filter(actor__username=wanted.who.lower())
    if wanted.verb:
        rows = rows.filter(verb__startswith=wanted.verb)
    if wanted.subject_type:
        rows = rows.filter(subject_type__endswith=wanted.subject_type.lower())
    if wanted.subject_id:
        rows = rows.filter(subject_id=wanted.subject_id)
    if wanted.since:
        rows = rows.filter(at__gte=_midnight(wanted.since))
    if wanted.until:
        rows = rows.filter(at__lt=_midnight(wanted.until + timedelta(days=1)))
    return rows


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
