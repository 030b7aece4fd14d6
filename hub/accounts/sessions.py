"""Where a person is logged in: one row of allauth for each browser, and the session that it names.

Also how a session is read: each request of whoever is logged in begins with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db.models import QuerySet

from hub.accounts.models import User
from hub.core import clock
from hub.core.prepared import prepared


class SessionStore(db.SessionStore):
    """Django's, which asks for a session by a prepared query."""

    def _get_session_from_db(self) -> Session | None:
        found = _sessions(self.session_key or "", clock.now())
        if not found:
            self._session_key = None
        return next(iter(found), None)


@prepared
def _sessions(key: str, now: datetime) -> QuerySet[Session]:
    return Session.objects.filter(session_key=key, expire_date__gt=now)


@dataclass(frozen=True)
class Place:
    """A browser that is logged in."""

    row: UserSession
    is_here: bool

    @property
    def browser(self) -> str:
        return _browser(self.row.user_agent)


def sessions_of(user: User, key_here: str) -> list[Place]:
    """Every session that still opens the account, the newest first. Two queries, however many there are."""
    rows = list(UserSession.objects.filter(user=user).order_by("-created_at"))
    kept = Session.objects.filter(
        session_key__in=[row.session_key for row in rows], expire_date__gt=clock.now()
    )
    # A changed password closes the sessions from before it: their mark no longer fits.
    mark = user.get_session_auth_hash()
    live = {one.session_key for one in kept if one.get_decoded().get(HASH_SESSION_KEY) == mark}
    return [Place(row, row.session_key == key_here) for row in rows if row.session_key in live]


def end(user: User, row_id: int) -> bool:
    """Log one browser out; False if there is no such session of theirs."""
    row = UserSession.objects.filter(user=user, pk=row_id).first()
    if row is None:
        return False
    Session.objects.filter(session_key=row.session_key).delete()
    row.delete()
    return True


def _browser(agent: str) -> str:
    """Name and system, as far as the browser says them; else the beginning of what it says."""
    names = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]
    systems = [("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iOS"), ("Windows", "Windows")]
    systems += [("Mac OS X", "macOS"), ("Linux", "Linux")]
    found = [next((shown for part, shown in known if part in agent), "") for known in (names, systems)]
    return " · ".join(filter(None, found)) or agent[:40] or "–"
