"""Rows about verdicts that are written after them: a verdict itself never changes."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hub.audit.models import AppendOnlyModel
from hub.core.transitions import table
from hub.pulls import standing


class Likeness(models.Model):
    """What a patch set's code looks like without names, comments, layout and what the task itself gives."""

    patch_set = models.OneToOneField("pulls.PatchSet", models.PROTECT, related_name="likeness")
    own = models.PositiveIntegerField()  # runs of tokens that are not in the task's own files
    sketch = models.JSONField(default=list)  # the smallest of their hashes


class Ruling(AppendOnlyModel):
    """What was decided about a verdict. Each one follows the last; the end of the chain counts."""

    class Kind(models.TextChoices):
        HOLD = standing.HOLD, _("held back")  # by the hub: a person looks at it first
        CLEAR = standing.CLEAR, _("cleared")
        UPHOLD = standing.UPHOLD, _("upheld")

    verdict = models.ForeignKey("bench.Verdict", models.PROTECT, related_name="rulings")
    kind = models.CharField(max_length=6, choices=Kind)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    reason = models.TextField(blank=True)
    like = models.ForeignKey(
        "pulls.PatchSet", models.PROTECT, null=True, related_name="+"
    )  # the earlier work
    share = models.FloatField(null=True)  # of the code that both have, 0 to 1
    same_artefact = models.BooleanField(default=False)
    follows = models.ForeignKey("self", models.PROTECT, null=True, related_name="followed_by")
    at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                fields=("verdict",), condition=Q(follows=None), name="ruling_one_first_per_verdict"
            ),
            models.UniqueConstraint(fields=("follows",), name="ruling_followed_once"),
            models.CheckConstraint(
                condition=Q(kind=standing.HOLD, by=None) | (Q(by__isnull=False) & ~Q(reason="")),
                name="ruling_of_a_person_has_a_reason",
            ),
            models.CheckConstraint(
                condition=~Q(kind=standing.HOLD) | Q(like__isnull=False), name="ruling_hold_names_the_work"
            ),
        ]


class Rejudge(models.Model):
    """A set of verdicts run again beside the old ones, then applied or discarded as a whole."""

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        READY = "ready", _("to be decided")
        APPLIED = standing.APPLIED, _("applied")
        DISCARDED = "discarded", _("discarded")

    moves = table(
        State,
        {
            State.RUNNING: (State.READY, State.DISCARDED),
            State.READY: (State.APPLIED, State.DISCARDED),
            State.APPLIED: (),
            State.DISCARDED: (),
        },
    )

    class Scope(models.TextChoices):
        APPEAL = "appeal", _("appeal")  # one verdict; its contributor asks
        VERDICT = "verdict", _("one verdict")  # a maintainer asks
        TASK = "task", _("whole task")  # a maintainer asks, after cases or tolerance changed

    scope = models.CharField(max_length=7, choices=Scope)
    task = models.ForeignKey("catalog.Task", models.PROTECT, related_name="rejudges")
    revision = models.ForeignKey("catalog.TaskRevision", models.PROTECT, related_name="+")  # judges it anew
    about = models.ForeignKey("bench.Verdict", models.PROTECT, null=True, related_name="rejudges")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    why = models.TextField()
    state = models.CharField(max_length=9, choices=State, default=State.RUNNING)
    at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decision = models.TextField(blank=True)  # the reason given

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("task",),
                condition=Q(scope="task", state__in=("running", "ready")),
                name="rejudge_one_live_per_task",
            ),
            models.UniqueConstraint(
                fields=("about",), condition=Q(scope="appeal"), name="rejudge_appealed_once"
            ),
            models.CheckConstraint(
                condition=Q(scope="task", about=None) | (~Q(scope="task") & Q(about__isnull=False)),
                name="rejudge_of_one_names_its_verdict",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("running", "ready"), decided_by=None, decided_at=None)
                | Q(state__in=("applied", "discarded"), decided_by__isnull=False, decided_at__isnull=False),
                name="rejudge_decided_by_somebody",
            ),
        ]


class RejudgeItem(models.Model):
    """One old verdict of a set, and the job that is run beside it."""

    rejudge = models.ForeignKey(Rejudge, models.PROTECT, related_name="items")
    old = models.ForeignKey("bench.Verdict", models.PROTECT, related_name="replaced_by")
    job = models.OneToOneField("bench.Job", models.PROTECT, null=True, related_name="rejudged")

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=("rejudge", "old"), name="rejudge_item_once_per_verdict"),
        ]
