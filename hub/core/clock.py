"""The one source of "now", so that a test can set it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone


def now() -> datetime:
    return timezone.now()


def working_days_after(moment: datetime, days: int) -> datetime:
    """The same time of day, so many working days later; Saturdays and Sundays do not count."""
    while days:
        moment += timedelta(days=1)
        days -= moment.weekday() < 5
    return moment
