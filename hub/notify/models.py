from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hub.core.transitions import table
from hub.notify.kinds import Channel, Kind

URL_LONGEST = 500


class Wishes(models.Model):
    """How a person wants to be told. Without a row: everything, by every channel, at once."""

    class Digest(models.TextChoices):
        OFF = "off", _("each at once")
        DAILY = "daily", _("one e-mail a day")
        WEEKLY = "weekly", _("one e-mail a week")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="wishes"
    )
    language = models.CharField(max_length=10, blank=True)  # of mails; empty: not known yet
    digest = models.CharField(max_length=6, choices=Digest, default=Digest.OFF)
    off = models.JSONField(default=list)  # ["email:verdict"]

    def wants(self, channel: str, kind: str) -> bool:
        return f"{channel}:{kind}" not in self.off


class Hook(models.Model):
    """An address that is told by HTTP: of a person what they are told, of a task what happens there."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="hooks"
    )
    task = models.ForeignKey("catalog.Task", models.CASCADE, null=True, blank=True, related_name="hooks")
    url = models.CharField(max_length=URL_LONGEST)
    salt = models.CharField(max_length=64)  # the secret is derived from it and the site's key
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    made_at = models.DateTimeField()
    off_at = models.DateTimeField(null=True, blank=True)  # nothing is sent any more: it failed too often

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, task=None) | Q(user=None, task__isnull=False),
                name="hook_of_a_person_or_a_task",
            ),
        ]


class Delivery(models.Model):
    """One mail or one request to a webhook; its key lets it be made once. The database is the outbox."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DELIVERED = "delivered", _("delivered")
        GIVEN_UP = "given_up", _("given up")

    moves = table(
        State,
        {State.WAITING: (State.DELIVERED, State.GIVEN_UP), State.DELIVERED: (), State.GIVEN_UP: ()},
    )

    key = models.CharField(max_length=180, primary_key=True)
    channel = models.CharField(max_length=8, choices=Channel)
    kind = models.CharField(max_length=16)  # a Kind, "digest" or "ping"
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="mails"
    )  # who is written to
    hook = models.ForeignKey(Hook, models.CASCADE, null=True, related_name="deliveries")
    payload = models.JSONField(default=dict)  # a webhook's body; a mail's is written from its notifications
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField()
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)  # of the last answer, by HTTP
    fault = models.CharField(max_length=200, blank=True)  # of the last try

    class Meta:
        ordering = ("-made_at",)
        indexes = [
            models.Index(fields=("not_before",), condition=Q(state="waiting"), name="notify_delivery_due"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(channel="email", user__isnull=False, hook=None)
                | Q(channel="webhook", user=None, hook__isnull=False),
                name="delivery_goes_somewhere",
            ),
        ]


class Notification(models.Model):
    """Somebody is told something, once: the key says what. The sentence is made when it is read."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=16, choices=Kind)
    what = models.CharField(max_length=32)  # of kinds.SENTENCES
    words = models.JSONField(default=dict)
    path = models.CharField(max_length=300)  # of this site
    key = models.CharField(max_length=120)
    at = models.DateTimeField()
    in_site = models.BooleanField(default=True)
    read_at = models.DateTimeField(null=True)
    for_digest = models.BooleanField(default=False)  # waits for the next one
    delivery = models.ForeignKey(  # the mail that tells it
        Delivery, models.SET_NULL, null=True, related_name="notifications"
    )

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=("user", "key"), name="notification_told_once"),
        ]
        indexes = [
            models.Index(fields=("user",), condition=Q(in_site=True, read_at=None), name="notify_unread"),
            models.Index(fields=("user",), condition=Q(for_digest=True), name="notify_for_digest"),
        ]
