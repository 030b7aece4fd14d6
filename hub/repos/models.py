from __future__ import annotations

from django.conf import settings
from django.db import models


class Repository(models.Model):
    """The bare repository of a task: `GIT_ROOT/<slug>.git`."""

    task = models.OneToOneField("catalog.Task", models.PROTECT, related_name="repository")
    created_at = models.DateTimeField()


class Push(models.Model):
    """What git delivered to one branch. `old` is all zeros for a new branch."""

    repository = models.ForeignKey(Repository, models.PROTECT, related_name="pushes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="pushes")
    ref = models.CharField(max_length=200)
    old = models.CharField(max_length=40)
    new = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)
