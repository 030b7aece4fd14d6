"""Reads about notifications."""

from __future__ import annotations

from django.db.models import QuerySet

from hub.accounts.models import User
from hub.notify.models import Notification, Wishes


def notifications_of(user: User) -> QuerySet[Notification]:
    """What the person is told in the site, newest first."""
    return Notification.objects.filter(user=user, in_site=True)


def wishes_of(user: User) -> Wishes:
    """How the person wants to be told; a row that is not stored if they never said."""
    return Wishes.objects.filter(user=user).first() or Wishes(user=user)
