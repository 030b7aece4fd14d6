from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from hub.core.transitions import table


class Task(models.Model):
    """What can be worked on. Facts that people filter by stand here, all else in the current revision."""

    class State(models.TextChoices):
        PUBLISHED = "published", _("published")
        RETIRED = "retired", _("retired")

    moves = table(State, {State.PUBLISHED: (State.RETIRED,), State.RETIRED: ()})

    class Policy(models.TextChoices):
        OPEN = "open", _("open")
        EXCLUSIVE = "exclusive", _("exclusive")
        PROPOSAL = "proposal", _("by proposal")

    class Kind(models.TextChoices):
        OPERATOR = "operator", _("operator")
        PORT = "port", _("port")
        PERFORMANCE = "performance", _("performance")
        SHRINK = "shrink", _("shrink")
        DOC = "doc", _("documentation")

    uuid = models.UUIDField(unique=True)
    slug = models.SlugField(max_length=63, unique=True)
    state = models.CharField(max_length=12, choices=State, default=State.PUBLISHED)
    title_en = models.CharField(max_length=120)
    title_zh = models.CharField(max_length=120)
    summary_en = models.CharField(max_length=300)
    summary_zh = models.CharField(max_length=300)
    kind = models.CharField(max_length=12, choices=Kind)
    level = models.PositiveSmallIntegerField()
    points = models.PositiveIntegerField()
    sig = models.CharField(max_length=40)
    languages = models.JSONField(default=list)  # ["c", "python"]
    hardware = models.JSONField(default=list)  # prefixes of hardware classes
    policy = models.CharField(max_length=10, choices=Policy)
    slots = models.PositiveSmallIntegerField(default=1)
    mentors = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="mentored_tasks", blank=True)
    current = models.ForeignKey("TaskRevision", models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("level", "slug")

    def __str__(self) -> str:
        return self.slug

    @property
    def title(self) -> str:
        return self.title_zh if (get_language() or "").startswith("zh") else self.title_en

    @property
    def summary(self) -> str:
        return self.summary_zh if (get_language() or "").startswith("zh") else self.summary_en


class TaskRevision(models.Model):
    """One immutable state of a task's folder, with all its files."""

    task = models.ForeignKey(Task, models.PROTECT, related_name="revisions")
    digest = models.CharField(max_length=64, unique=True)
    files = models.BinaryField()  # zlib of the JSON bundle
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.task_id}@{self.digest[:12]}"
