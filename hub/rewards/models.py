from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
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


class Award(AppendOnlyModel):
    """Somebody has earned a badge of `badges.toml`. A badge stays when its rule changes."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="awards")
    badge = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)
        constraints = [models.UniqueConstraint(fields=("user", "badge"), name="award_once")]


class Evaluation(AppendOnlyModel):
    """Everybody was looked at by one state of the rules."""

    rules = models.CharField(max_length=64)  # digest of `badges.toml`
    awarded = models.PositiveIntegerField()
    at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)


class Certificate(models.Model):
    """A signed statement about what somebody did. `statement` holds the very bytes that were signed."""

    number = models.CharField(max_length=20, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="certificates")
    subject = models.CharField(max_length=120)  # "task:vector-add", "course:first-operator"
    title_en = models.CharField(max_length=200)
    title_zh = models.CharField(max_length=200)
    statement = models.TextField()
    signature = models.CharField(max_length=88)  # base64 of 64 bytes
    key = models.CharField(max_length=64)  # fingerprint of the public key
    issued_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    revoked_why = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("user", "subject"), condition=Q(revoked_at=None), name="certificate_one_valid"
            ),
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoked_by=None)
                | (Q(revoked_at__isnull=False, revoked_by__isnull=False) & ~Q(revoked_why="")),
                name="certificate_revoked_with_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def title(self) -> str:
        return self.title_zh if (get_language() or "").startswith("zh") else self.title_en
