from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q


class Post(models.Model):
    """Something said in the discussion of a task. Never deleted: what does not belong there is hidden."""

    task = models.ForeignKey("catalog.Task", models.PROTECT, related_name="posts")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="posts")
    thread = models.ForeignKey("self", models.PROTECT, null=True, related_name="replies")  # null: begins one
    body = models.TextField()
    at = models.DateTimeField()
    hidden_at = models.DateTimeField(null=True)
    hidden_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    hidden_why = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(hidden_at=None, hidden_by=None)
                | Q(hidden_at__isnull=False, hidden_by__isnull=False),
                name="post_hidden_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task_id}: {self.body[:40]}"
