"""What the writes about claims are made of: one insert or one move each, booked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.catalog.models import Task
from hub.claims.models import Claim
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow


def insert(task: Task, user: User, by: User | None = None, **columns: Any) -> Claim:
    """A new claim, booked for who did it.

    Raises:
        NotNow: a constraint on live claims: somebody was first.
    """
    try:
        with transaction.atomic():
            row = Claim.objects.create(task=task, user=user, requested_at=clock.now(), **columns)
            record(by or user, f"claim.{row.state}", row)
    except IntegrityError as error:
        raise NotNow(_("Somebody was quicker, or you hold a claim already: reload the page.")) from error
    return row


def text(written: str) -> str:
    """As it may be stored: PostgreSQL takes no NUL."""
    return written.replace("\x00", "").strip()


def somebody_else(username: str, user: User) -> User:
    name = text(username).removeprefix("@")
    if name == user.username:
        raise BadInput(_("You hold it already: give the username of somebody else."))
    found = User.objects.filter(username=name, is_active=True, is_house=False).first()
    if found is None:
        words = _("Nobody is called “%(name)s” here: give the username that stands on a profile.")
        raise BadInput(words % {"name": name})
    return found


def own(claim: Claim, user: User) -> None:
    if claim.user_id != user.pk:
        raise NotAllowed(_("This is %(name)s's claim, not yours.") % {"name": claim.user.username})


def move(claim: Claim, state: str, by: User, only_from: Iterable[str] | None = None, **columns: Any) -> None:
    """Move it by a person's hand and book that.

    Raises:
        NotNow: it is in another state by now.
    """
    with transaction.atomic():
        if not Claim.moves.move(claim, state, only_from=only_from, **columns):
            claim.refresh_from_db()
            raise NotNow(
                _("This claim is %(state)s by now; nothing was changed.")
                % {"state": claim.get_state_display()}
            )
        record(by, f"claim.{state}", claim)
