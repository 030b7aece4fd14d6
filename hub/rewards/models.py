from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from hub.audit.models import AppendOnlyModel


class Reward(AppendOnlyModel):
    """A line of the ledger. Points are always the sum; a mistake is a reversal row."""

    class Kind(models.TextChoices):
        MERGE = "merge", _("merged work")
        REVIEW = "review", _("review")
        MENTOR = "mentor", _("mentoring")
        LESSON = "lesson", _("lesson")
        REVERSAL = "reversal", _("reversal")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="rewards")
    kind = models.CharField(max_length=10, choices=Kind)
    points = models.IntegerField()
    pull = models.ForeignKey("pulls.PullRequest", models.PROTECT, null=True, related_name="rewards")
    reverses = models.OneToOneField("self", models.PROTECT, null=True, related_name="reversal")
    dedupe_key = models.CharField(max_length=120)
    at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)
        constraints = [models.UniqueConstraint(fields=("dedupe_key",), name="reward_paid_once")]
