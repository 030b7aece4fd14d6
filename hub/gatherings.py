"""What happens in a SIG and who hears of it: announcements, events that change, seats that become free.

Not in charge of who may do it nor of what it does (`hub/community`), nor of how people are told
(`hub/notify`). Feeds and pages tell the same, so a notice that is lost hides nothing.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext, gettext_noop, override

from hub.accounts.models import User
from hub.community import events, sigs
from hub.community.events import Plan
from hub.community.models import Announcement, Event, Sig
from hub.community.queries import seats
from hub.notify.actions import announce as tell

CHANGED = gettext_noop("Changed: %(title)s")
CALLED_OFF = gettext_noop("Called off: %(title)s")
SEATED = gettext_noop("There is a seat for you now: %(title)s")


@transaction.atomic
def announce(sig: Sig, by: User, title: str, body: str) -> Announcement:
    """Announce something to everybody who follows the SIG (see `sigs.announce`)."""
    made = sigs.announce(sig, by, title, body)
    people = User.objects.filter(memberships__sig=sig)
    tell(people, key=f"sig:{made.pk}", title=made.title, path=f"/sigs/{sig.slug}/", text=made.body, by=by)
    return made


@transaction.atomic
def change(event: Event, by: User, wanted: Plan) -> None:
    """Change an event (see `events.change`) and tell everybody on its list."""
    events.change(event, by, wanted)
    event.refresh_from_db()
    _tell_list(event, by, _both(CHANGED, event), f"{event.starts_at:%Y-%m-%d %H:%M} UTC · {event.place}")


@transaction.atomic
def call_off(event: Event, by: User, why: str) -> None:
    """Call an event off (see `events.call_off`) and tell everybody on its list why."""
    events.call_off(event, by, why)
    event.refresh_from_db()
    _tell_list(event, by, _both(CALLED_OFF, event), event.cancelled_why)


@transaction.atomic
def leave(event: Event, user: User) -> None:
    """Leave an event's list (see `events.leave`); who gets the seat hears of it."""
    seated = events.leave(event, user)
    if seated is not None:
        title = _both(SEATED, event)
        tell([seated.user], key=f"event-seat:{seated.pk}", title=title, path=_path(event), by=user)


def _tell_list(event: Event, by: User, title: dict[str, str], text: str) -> None:
    found = seats(event)
    people = [*found.seated, *found.waiting]
    tell(people, key=f"event:{event.pk}:{event.version}", title=title, path=_path(event), text=text, by=by)


def _path(event: Event) -> str:
    return f"/events/{event.pk}/"


def _both(words: str, event: Event) -> dict[str, str]:
    """The words in both languages, with the event's title; each reader gets their own."""
    told = {}
    for language, code in (("en", "en"), ("zh", "zh-hans")):
        with override(code):
            told[language] = gettext(words) % {"title": event.title}
    return told
