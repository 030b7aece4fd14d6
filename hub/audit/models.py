from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models


class AppendOnly(models.QuerySet[Any]):
    """Rows are written once. A mistake is answered by another row."""

    def update(self, **_: Any) -> int:
        raise TypeError(f"{self.model.__name__} rows are append-only: write another one instead")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise TypeError(f"{self.model.__name__} rows are append-only and are never deleted")


class AppendOnlyModel(models.Model):
    objects = AppendOnly.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise TypeError(f"{type(self).__name__} rows are append-only: write another one instead")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError(f"{type(self).__name__} rows are append-only and are never deleted")


class Event(AppendOnlyModel):
    """Somebody did something. `verb` is `noun.done`, such as `claim.requested` or `patch_set.approved`."""

    at = models.DateTimeField(db_index=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    verb = models.CharField(max_length=60, db_index=True)
    subject_type = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=64)
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=("subject_type", "subject_id"), name="audit_event_subject")]
        ordering = ("id",)
