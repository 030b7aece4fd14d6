"""Digests: one mail a day or a week in place of many.

Not in charge of sending (`deliveries.py`). A day begins at midnight UTC, which is eight in the morning in
Beijing; a week on Monday. A digest tells what came before its day began and was not read in the site; its key
names person and day, so of two sweepers one makes it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from hub.accounts.models import User
from hub.core import clock
from hub.core.guard import each
from hub.notify.kinds import Channel
from hub.notify.mail import DIGEST
from hub.notify.models import Delivery, Notification, Wishes


def collect() -> int:
    """Make the digests that are due; how many."""
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    weekly = Wishes.objects.filter(digest=Wishes.Digest.WEEKLY).values("user")
    people = _with_news(today).exclude(pk__in=weekly)
    return each(people, lambda user: _make(user, today)) + each(
        _with_news(monday).filter(pk__in=weekly), lambda user: _make(user, monday)
    )


def _with_news(before: datetime) -> QuerySet[User]:
    waiting = Notification.objects.filter(user=OuterRef("pk"), for_digest=True, at__lt=before)
    return User.objects.filter(Exists(waiting))


def _make(user: User, begin: datetime) -> bool:
    now = clock.now()
    key = f"digest:{user.pk}:{begin:%Y-%m-%d}"
    columns = {"channel": Channel.EMAIL, "kind": DIGEST, "user": user, "made_at": now, "not_before": now}
    with transaction.atomic():
        digest, made = Delivery.objects.get_or_create(key=key, defaults=columns)
        if not made:
            return False
        rows = Notification.objects.filter(user=user, for_digest=True, at__lt=begin)
        rows.update(for_digest=False, delivery=digest)
    return True
