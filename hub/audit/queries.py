"""Reading the record."""

from __future__ import annotations

from django.db.models import Model, QuerySet

from hub.audit.models import Event


def events_about(subject: Model) -> QuerySet[Event]:
    """Everything that was booked about one row, oldest first."""
    return Event.objects.filter(
        subject_type=subject._meta.label_lower, subject_id=str(subject.pk)
    ).select_related("actor")
