"""Writes about events: planning, changing and calling one off; signing up and leaving.

Theory of operation
- A sign-up is a row; who has a seat is computed: the first `capacity` of those who stand on the list. So who
  leaves makes room for the next at that moment, a smaller room sends the last ones back to the waiting list,
  and no race can seat two on one chair.
- Times are entered in the event's own zone and kept as moments. A time that a zone skips is refused; of one
  that it has twice, the first is meant.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.community.models import Event, Sig, SignUp
from hub.community.queries import is_lead, seats
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow

TITLE_LONGEST, PLACE_LONGEST, ABOUT_LONGEST, WHY_LONGEST = 120, 300, 10_000, 200
LONGEST = timedelta(days=14)
CAPACITY_MOST = 100_000


@dataclass(frozen=True)
class Plan:
    """What the organiser wants; times as the clock on the wall of `time_zone` shows them."""

    title: str
    place: str
    starts: datetime
    ends: datetime
    time_zone: str
    about: str = ""
    capacity: int | None = None


def plan(sig: Sig, by: User, wanted: Plan) -> Event:
    """Plan an event of a SIG.

    Raises:
        NotAllowed: neither a lead nor a maintainer.
        BadInput: what does not fit, with its value.
        NotNow: it would be over already.
    """
    _lead(sig, by)
    columns = _columns(wanted)
    if columns["ends_at"] <= clock.now():
        raise NotNow(_("That is over already: give a time that is still to come."))
    event = Event.objects.create(sig=sig, by=by, changed_at=clock.now(), **columns)
    record(by, "event.planned", event, sig=sig.slug)
    return event


def change(event: Event, by: User, wanted: Plan) -> None:
    """Change what is planned; calendars that have it take the change over.

    Raises:
        NotAllowed, BadInput: as for `plan`.
        NotNow: it is called off or over.
    """
    _lead(event.sig, by)
    columns = _columns(wanted)
    open_yet = Event.objects.filter(pk=event.pk, cancelled_at=None, ends_at__gt=clock.now())
    if not open_yet.update(changed_at=clock.now(), version=F("version") + 1, **columns):
        raise NotNow(_("This event is over or was called off."))
    record(by, "event.changed", event)


def call_off(event: Event, by: User, why: str) -> None:
    """Call it off; its page and everybody's calendar say so.

    Raises:
        NotAllowed: neither a lead nor a maintainer.
        BadInput: no reason.
        NotNow: it is called off or over.
    """
    _lead(event.sig, by)
    why = " ".join(why.split())[:WHY_LONGEST]
    if not why:
        raise BadInput(_("Say why: everybody who signed up reads the reason."))
    now = clock.now()
    open_yet = Event.objects.filter(pk=event.pk, cancelled_at=None, ends_at__gt=now)
    if not open_yet.update(cancelled_at=now, cancelled_why=why, changed_at=now, version=F("version") + 1):
        raise NotNow(_("This event is over or was called off."))
    record(by, "event.called_off", event, why=why)


def sign_up(event: Event, user: User) -> None:
    """Stand on the list; again changes nothing.

    Raises:
        NotNow: it is called off or over.
    """
    event.refresh_from_db()
    if event.cancelled_at is not None or event.ends_at <= clock.now():
        raise NotNow(_("This event is over or was called off."))
    try:
        with transaction.atomic():
            row = SignUp.objects.create(event=event, user=user, at=clock.now())
            record(user, "event.signed_up", row, event=event.pk)
    except IntegrityError:  # sign_up_once_at_a_time: they stand on it
        return


def leave(event: Event, user: User) -> SignUp | None:
    """Leave the list; the row of whoever gets the seat that this makes free.

    Raises:
        NotNow: they do not stand on it, or the event is over.
    """
    with transaction.atomic():
        event = Event.objects.select_for_update(no_key=True).get(pk=event.pk)
        if event.ends_at <= clock.now():
            raise NotNow(_("This event is over."))
        before = seats(event)
        if not event.sign_ups.filter(user=user, left_at=None).update(left_at=clock.now()):
            raise NotNow(_("You have not signed up for it."))
        record(user, "event.left", event)
        if user not in before.seated or not before.waiting or event.cancelled_at is not None:
            return None
        return event.sign_ups.filter(user=before.waiting[0], left_at=None).select_related("user").first()


def _lead(sig: Sig, by: User) -> None:
    if not is_lead(sig, by):
        raise NotAllowed(_("Only the leads of this SIG and maintainers do that."))


def _columns(wanted: Plan) -> dict[str, object]:
    """The row's columns; BadInput says what does not fit."""
    texts = {name: str(value).strip() for name, value in asdict(wanted).items() if name in ("title", "place")}
    if not texts["title"] or len(texts["title"]) > TITLE_LONGEST:
        raise BadInput(_("Give the event a title of at most %(most)s characters.") % {"most": TITLE_LONGEST})
    if not texts["place"] or len(texts["place"]) > PLACE_LONGEST:
        raise BadInput(
            _("Say where it is, a room or an address, in at most %(most)s characters.")
            % {"most": PLACE_LONGEST}
        )
    if len(wanted.about) > ABOUT_LONGEST:
        raise BadInput(
            _("The text has %(length)s characters: at most %(most)s fit.")
            % {"length": len(wanted.about), "most": ABOUT_LONGEST}
        )
    if wanted.capacity is not None and not 1 <= wanted.capacity <= CAPACITY_MOST:
        raise BadInput(
            _("There cannot be %(number)s seats: give 1 to %(most)s, or nothing if there is room for all.")
            % {"number": wanted.capacity, "most": CAPACITY_MOST}
        )
    starts, ends = _moment(wanted.starts, wanted.time_zone), _moment(wanted.ends, wanted.time_zone)
    if not timedelta(0) < ends - starts <= LONGEST:
        raise BadInput(_("It must end after it starts, and within %(days)s days.") % {"days": LONGEST.days})
    about = wanted.about.replace("\r\n", "\n").strip()
    rest = {"about": about, "capacity": wanted.capacity, "time_zone": wanted.time_zone}
    return {**texts, **rest, "starts_at": starts, "ends_at": ends}


def _moment(wall: datetime, zone: str) -> datetime:
    """The moment at which clocks in that zone show this."""
    if zone not in available_timezones():
        raise BadInput(
            _("%(name)s is no time zone; give one of the IANA list, such as Asia/Shanghai.") % {"name": zone}
        )
    there = wall.replace(tzinfo=ZoneInfo(zone))
    moment = there.astimezone(UTC)
    if moment.astimezone(there.tzinfo).replace(tzinfo=None) != wall:
        raise BadInput(
            _("Clocks in %(zone)s never show %(time)s: they are put forward then.")
            % {"zone": zone, "time": f"{wall:%Y-%m-%d %H:%M}"}
        )
    return moment
