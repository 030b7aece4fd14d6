from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language


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


class Sig(models.Model):
    """A special interest group. Its tasks are those whose `sig` is its slug."""

    slug = models.SlugField(max_length=40, unique=True)
    title_en = models.CharField(max_length=80)
    title_zh = models.CharField(max_length=80)
    about_en = models.TextField(blank=True)
    about_zh = models.TextField(blank=True)
    leads = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="led_sigs", blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("slug",)

    def __str__(self) -> str:
        return self.slug

    @property
    def title(self) -> str:
        return self.title_zh if (get_language() or "").startswith("zh") else self.title_en

    @property
    def about(self) -> str:
        """In the reader's language, else in the other."""
        first, second = self.about_en, self.about_zh
        if (get_language() or "").startswith("zh"):
            first, second = second, first
        return first or second


class Membership(models.Model):
    """Somebody follows a SIG."""

    sig = models.ForeignKey(Sig, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        constraints = [models.UniqueConstraint(fields=("sig", "user"), name="membership_once")]


class Event(models.Model):
    """A meeting of a SIG's study group."""

    sig = models.ForeignKey(Sig, models.PROTECT, related_name="events")
    title = models.CharField(max_length=120)
    about = models.TextField(blank=True)
    place = models.CharField(max_length=300)  # a room or an address
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    time_zone = models.CharField(max_length=60)  # to tell its times in
    capacity = models.PositiveIntegerField(null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    changed_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=0)  # counts changes, for calendars that have it already
    cancelled_at = models.DateTimeField(null=True)
    cancelled_why = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("starts_at", "id")
        indexes = [models.Index(fields=("starts_at",), name="event_start")]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="event_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=Q(capacity=None) | Q(capacity__gt=0), name="event_has_room_for_somebody"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sig_id}: {self.title}"


class SignUp(models.Model):
    """Somebody wants to come. The first `capacity` of these have a seat, the others wait: computed."""

    event = models.ForeignKey(Event, models.PROTECT, related_name="sign_ups")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="sign_ups")
    at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                fields=("event", "user"), condition=Q(left_at=None), name="sign_up_once_at_a_time"
            )
        ]


class Announcement(models.Model):
    """What the leads of a SIG tell all its members."""

    sig = models.ForeignKey(Sig, models.PROTECT, related_name="announcements")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    title = models.CharField(max_length=120)
    body = models.TextField()
    at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)


class CalendarKey(models.Model):
    """What a person's secret calendar address is made from; another one makes the old address void."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="calendar_key")
    nonce = models.CharField(max_length=43)
