from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from hub.catalog.fulltext import INDEX, FullText
from hub.core.transitions import table


def _known_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(
            _("%(name)s is no time zone; give one of the IANA list, such as Asia/Shanghai."),
            params={"name": repr(name)},
        )


class ClaimPolicy(models.TextChoices):
    """How a task is claimed: by whoever pushes, by so many at a time, by proposals that a mentor answers."""

    OPEN = "open", _("open")
    EXCLUSIVE = "exclusive", _("exclusive")
    PROPOSAL = "proposal", _("by proposal")


class Programme(models.Model):
    """A season or contest: its tasks, its dates, how tasks are claimed in it, how much of the judge it gives.

    Dates may be left out: a programme without any runs always. Applications, teams and announcements lie in
    `hub/programmes`; here stands what claims and quotas look at.
    """

    class Kind(models.TextChoices):
        INTERNSHIP = "internship", _("internship")
        CROWD = "crowd", _("crowd tasks")
        SUMMER = "summer", _("summer project")
        CONTEST = "contest", _("contest")

    class Stage(models.TextChoices):
        """Where it is in time; computed, never stored."""

        PLANNED = "planned", _("announced")
        APPLYING = "applying", _("applications are open")
        CHOOSING = "choosing", _("applications are being chosen from")
        RUNNING = "running", _("running")
        REVIEWING = "reviewing", _("last reviews")
        OVER = "over", _("over")

    slug = models.SlugField(max_length=63, unique=True)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.CROWD)
    title_en = models.CharField(max_length=120)
    title_zh = models.CharField(max_length=120)
    about_en = models.TextField(blank=True)  # Markdown
    about_zh = models.TextField(blank=True)
    time_zone = models.CharField(max_length=60, default="UTC", validators=[_known_zone])  # to tell times in
    apply_from = models.DateTimeField(null=True, blank=True)
    apply_until = models.DateTimeField(null=True, blank=True)
    starts_at = models.DateTimeField(null=True, blank=True)
    freeze_at = models.DateTimeField(null=True, blank=True)  # later results show in standings after the end
    ends_at = models.DateTimeField(null=True, blank=True)  # what is pushed before it counts
    hides_entries = models.BooleanField(default=False)  # until the end nobody sees how others fare
    closes_at = models.DateTimeField(null=True, blank=True)  # until when that is reviewed and merged
    policy = models.CharField(
        max_length=10, choices=ClaimPolicy, blank=True
    )  # of all its tasks; empty: their own
    claims_at_once = models.PositiveSmallIntegerField(null=True, blank=True)  # on its slots, of a contributor
    wishes_most = models.PositiveSmallIntegerField(
        default=0
    )  # tasks an applicant may rank; 0: no applications
    team_most = models.PositiveSmallIntegerField(default=1)  # people in a team; 1: everybody alone
    checks_a_day = models.PositiveIntegerField()  # of a contributor, on each task, in 24 hours
    ranks_a_day = models.PositiveIntegerField()  # the same for timings, on each hardware class
    runs_in_total = models.PositiveIntegerField(null=True, blank=True)  # of a contributor, on all its tasks
    live_at_once = models.PositiveIntegerField(null=True, blank=True)  # of these, waiting or running
    point_value = models.DecimalField(
        max_digits=9, decimal_places=2, null=True, blank=True
    )  # money of a point
    currency = models.CharField(max_length=3, blank=True)  # ISO 4217
    payout_tiers = models.CharField(max_length=100, blank=True)  # see `hub/programmes/payout.py`
    payout_stages = models.TextField(blank=True)  # see `hub/programmes/stages.py`

    class Meta:
        ordering = ("slug",)
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="programme_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(live_at_once=None) | Q(live_at_once__gt=0), name="programme_lets_something_run"
            ),
            models.CheckConstraint(
                condition=Q(claims_at_once=None) | Q(claims_at_once__gt=0),
                name="programme_lets_something_be_claimed",
            ),
            models.CheckConstraint(condition=Q(team_most__gt=0), name="programme_teams_have_people"),
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def title(self) -> str:
        return self.title_zh if (get_language() or "").startswith("zh") else self.title_en

    @property
    def about(self) -> str:
        """What it is, in the reader's language; in the other one where nothing else is written."""
        chinese = (get_language() or "").startswith("zh")
        return (self.about_zh or self.about_en) if chinese else (self.about_en or self.about_zh)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def tell(self, at: datetime) -> str:
        """A moment in the reader's language and the programme's time zone, which is named."""
        return f"{date_format(timezone.localtime(at, self.zone), 'DATETIME_FORMAT')} ({self.time_zone})"

    def is_running(self, now: datetime) -> bool:
        return (self.starts_at is None or self.starts_at <= now) and (
            self.ends_at is None or now < self.ends_at
        )

    def stage(self, now: datetime) -> Stage:
        if self.ends_at is not None and now >= self.ends_at:
            reviewing = self.closes_at is not None and now < self.closes_at
            return self.Stage.REVIEWING if reviewing else self.Stage.OVER
        if self.takes_applications(now):
            return self.Stage.APPLYING
        if self.is_running(now):
            return self.Stage.RUNNING
        past = self.apply_until is not None and now >= self.apply_until
        return self.Stage.CHOOSING if self.wishes_most and past else self.Stage.PLANNED

    def takes_applications(self, now: datetime) -> bool:
        return (
            self.wishes_most > 0
            and (self.apply_from is None or self.apply_from <= now)
            and (self.apply_until is None or now < self.apply_until)
            and (self.ends_at is None or now < self.ends_at)
        )

    def is_frozen(self, now: datetime) -> bool:
        """Whether standings stay as they were at `freeze_at`; the end thaws them."""
        return (
            self.freeze_at is not None
            and self.freeze_at <= now
            and (self.ends_at is None or now < self.ends_at)
        )

    def is_hiding(self, now: datetime) -> bool:
        """Whether what others made of its tasks is shown to nobody but those who look after them."""
        return self.hides_entries and (self.ends_at is None or now < self.ends_at)


class Task(models.Model):
    """What can be worked on. Facts that people filter by stand here, all else in the current revision."""

    class State(models.TextChoices):
        PUBLISHED = "published", _("published")
        RETIRED = "retired", _("retired")

    moves = table(State, {State.PUBLISHED: (State.RETIRED,), State.RETIRED: ()})

    Policy = ClaimPolicy

    class Kind(models.TextChoices):
        OPERATOR = "operator", _("operator")
        PORT = "port", _("port")
        PERFORMANCE = "performance", _("performance")
        SHRINK = "shrink", _("shrink")
        DOC = "doc", _("documentation")
        EXERCISE = "exercise", _("exercise")

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
    together = models.PositiveSmallIntegerField(default=1)  # people who may hold one slot together
    programme = models.ForeignKey(Programme, models.PROTECT, null=True, blank=True, related_name="tasks")
    mentors = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="mentored_tasks", blank=True)
    current = models.ForeignKey("TaskRevision", models.PROTECT, null=True, related_name="+")
    boards_frozen_at = models.DateTimeField(null=True, blank=True)  # they show what was measured by then
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

    def frozen_since(self, now: datetime) -> datetime | None:
        """Since when its boards stand still: a maintainer's doing, or its programme's; None if they move."""
        if self.boards_frozen_at is None and self.programme is not None and self.programme.is_frozen(now):
            return self.programme.freeze_at
        return self.boards_frozen_at

    def is_hidden(self, now: datetime) -> bool:
        """Whether its programme hides what people make of it from one another."""
        return self.programme is not None and self.programme.is_hiding(now)


class Appointment(models.Model):
    """Somebody mentors or maintains one task, or all tasks of one SIG. An ended one stays as a row."""

    class Role(models.TextChoices):
        MENTOR = "mentor", _("mentor")
        MAINTAINER = "maintainer", _("maintainer")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="appointments")
    role = models.CharField(max_length=10, choices=Role)
    sig = models.CharField(max_length=40, blank=True)
    task = models.ForeignKey(Task, models.PROTECT, null=True, related_name="appointments")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("sig", "task", "role", "id")
        constraints = [
            models.CheckConstraint(
                condition=Q(sig="", task__isnull=False) | (~Q(sig="") & Q(task=None)),
                name="appointment_for_a_sig_or_a_task",
            ),
            models.UniqueConstraint(
                fields=("user", "role", "sig"),
                condition=Q(ended_at=None, task=None),
                name="appointment_once_a_sig",
            ),
            models.UniqueConstraint(
                fields=("user", "role", "task"),
                condition=Q(ended_at=None, task__isnull=False),
                name="appointment_once_a_task",
            ),
        ]


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


class SearchText(models.Model):
    """What a task is found by: its words, cut for the full-text index that the database keeps over them."""

    task = models.OneToOneField(Task, models.CASCADE, primary_key=True, related_name="search_text")
    title = models.TextField()
    body = models.TextField()

    class Meta:
        indexes = [FullText(fields=["title", "body"], name=INDEX)]


class SavedFilter(models.Model):
    """A search for tasks that a member keeps under a name."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_filters")
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=500)  # what stands behind the question mark of its address

    class Meta:
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=("user", "name"), name="saved_filter_named_once")]
