"""Calendar feeds (RFC 5545), and the secret address of a person's own.

Times are written in UTC: one moment, whatever the zone of the reader's calendar; the event's page tells it in
the event's own zone. A feed without any event still has a component, as the standard asks: the zone UTC.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.crypto import salted_hmac

from hub.accounts.models import User
from hub.accounts.queries import may_enter
from hub.audit.actions import record
from hub.community.models import CalendarKey, Event

OCTETS = 75  # of a line, without its end
UTC_ZONE = (
    "BEGIN:VTIMEZONE", "TZID:Etc/UTC", "BEGIN:STANDARD", "DTSTART:19700101T000000", "TZOFFSETFROM:+0000",
    "TZOFFSETTO:+0000", "TZNAME:UTC", "END:STANDARD", "END:VTIMEZONE",
)  # fmt: skip


def feed(name: str, events: Iterable[Event], waiting: Collection[int] = ()) -> str:
    """A calendar of these events; of those in `waiting` (keys) the reader has no seat yet."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Touchstone//Events//EN", "CALSCALE:GREGORIAN"]
    lines += [f"X-WR-CALNAME:{escaped(name)}", *UTC_ZONE]
    for event in events:
        lines += _event(event, tentative=event.pk in waiting)
    return "".join(f"{folded(line)}\r\n" for line in [*lines, "END:VCALENDAR"])


def _event(event: Event, *, tentative: bool) -> list[str]:
    status = "CANCELLED" if event.cancelled_at else "TENTATIVE" if tentative else "CONFIRMED"
    page = f"{settings.SITE_URL}/events/{event.pk}/"
    return [
        "BEGIN:VEVENT",
        f"UID:event-{event.pk}@{urlsplit(settings.SITE_URL).hostname}",
        f"SEQUENCE:{event.version}",
        f"DTSTAMP:{_stamp(event.changed_at)}",
        f"LAST-MODIFIED:{_stamp(event.changed_at)}",
        f"DTSTART:{_stamp(event.starts_at)}",
        f"DTEND:{_stamp(event.ends_at)}",
        f"SUMMARY:{escaped(event.title)}",
        f"LOCATION:{escaped(event.place)}",
        f"DESCRIPTION:{escaped(event.about or page)}",
        f"URL:{page}",
        f"STATUS:{status}",
        "END:VEVENT",
    ]


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def escaped(text: str) -> str:
    """A TEXT value (RFC 5545, 3.3.11); control characters, which may not be in one, are left out."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(letter for letter in text if letter in "\n\t" or (letter >= " " and letter != "\x7f"))
    for letter in ("\\", ";", ","):
        text = text.replace(letter, f"\\{letter}")
    return text.replace("\n", "\\n")


def folded(line: str) -> str:
    """A content line broken into lines of at most 75 octets (RFC 5545, 3.1), never within a letter."""
    parts, room = [""], OCTETS
    for letter in line:
        size = len(letter.encode())
        if size > room:
            parts.append(" ")
            room = OCTETS - 1
        parts[-1] += letter
        room -= size
    return "\r\n".join(parts)


def secret_of(user: User) -> str:
    """What a person's own calendar address ends with. It reads their events, and gives no other right."""
    key, _made = CalendarKey.objects.get_or_create(user=user, defaults={"nonce": secrets.token_urlsafe(32)})
    return f"{user.pk}-{_proof(user.pk, key.nonce)}"


def renew(user: User) -> None:
    """Make the old address void."""
    CalendarKey.objects.update_or_create(user=user, defaults={"nonce": secrets.token_urlsafe(32)})
    record(user, "calendar.renewed", user)


def user_by_secret(secret: str) -> User | None:
    """Whose it is; None if it is nobody's, void, or the account is closed."""
    person, _dash, proof = secret.partition("-")
    if not person.isdecimal() or len(person) > 18:
        return None
    key = CalendarKey.objects.filter(user=int(person)).select_related("user").first()
    if key is None or not hmac.compare_digest(proof.encode(), _proof(key.user_id, key.nonce).encode()):
        return None
    return key.user if may_enter(key.user) else None


def _proof(person: int, nonce: str) -> str:
    """From the site's own secret: what is in the database alone opens no calendar."""
    return salted_hmac("hub.community.calendar", f"{person}:{nonce}", algorithm="sha256").hexdigest()
