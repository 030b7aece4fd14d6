"""Booking what happened. Every write of the hub leaves one row here."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from hub.accounts.models import User
from hub.audit.models import Event
from hub.core import clock


def record(actor: User | None, verb: str, subject: Model, **data: Any) -> Event:
    """Append one event. `verb` is `noun.done`; `data` holds small JSON values."""
    return Event.objects.create(
        at=clock.now(),
        actor=actor,
        verb=verb,
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        data=data,
    )
