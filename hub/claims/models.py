from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from hub.core.transitions import table


class Claim(models.Model):
    """A contributor's right to work on a task. A new try is a new row."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("waiting for an answer")
        INVITED = "invited", _("invited to share")
        ACTIVE = "active", _("active")
        FULFILLED = "fulfilled", _("fulfilled")
        REFUSED = "refused", _("refused")
        WITHDRAWN = "withdrawn", _("withdrawn")
        RELEASED = "released", _("released")
        EXPIRED = "expired", _("expired")
        SUPERSEDED = "superseded", _("handed over")

    moves = table(
        State,
        {
            State.REQUESTED: (State.ACTIVE, State.REFUSED, State.WITHDRAWN, State.SUPERSEDED),
            State.INVITED: (State.ACTIVE, State.WITHDRAWN),
            State.ACTIVE: (State.FULFILLED, State.RELEASED, State.EXPIRED, State.SUPERSEDED),
            State.FULFILLED: (),
            State.REFUSED: (),
            State.WITHDRAWN: (),
            State.RELEASED: (),
            State.EXPIRED: (),
            State.SUPERSEDED: (),
        },
    )

    task = models.ForeignKey("catalog.Task", models.PROTECT, related_name="claims")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="claims")
    state = models.CharField(max_length=12, choices=State)
    slot = models.PositiveSmallIntegerField(null=True)  # which of the task's slots; null under `open`
    proposal = models.TextField(blank=True)
    answer = models.TextField(blank=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    hand_over = models.TextField(blank=True)  # note for whoever comes next, by release or by an offer
    offered_to = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    taken_from = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")  # the superseded one
    shared_with = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="+"
    )  # whose slot it shares
    share = models.PositiveSmallIntegerField(
        null=True
    )  # percent of the points; whose slot it is has the rest
    requested_at = models.DateTimeField()
    active_since = models.DateTimeField(null=True)
    last_activity_at = models.DateTimeField(null=True)  # pushes and pull request events only
    pushed_at = models.DateTimeField(null=True)  # first push
    extended_at = models.DateTimeField(null=True)  # the one self-service extension
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=("requested_at",), condition=Q(state="requested"), name="claim_to_answer")
        ]
        constraints = [
            models.UniqueConstraint(
                fields=("task", "user"),
                condition=Q(state__in=("requested", "active")),
                name="claim_one_live_per_person",
            ),
            models.UniqueConstraint(
                fields=("task", "slot"), condition=Q(state="active"), name="claim_one_active_per_slot"
            ),
            models.UniqueConstraint(
                fields=("shared_with", "user"), condition=Q(state="invited"), name="claim_invited_once"
            ),
            models.CheckConstraint(
                condition=Q(shared_with=None, share=None)
                | Q(shared_with__isnull=False, slot=None, share__isnull=False, share__gte=1, share__lte=99),
                name="claim_shares_in_percent",
            ),
            models.UniqueConstraint(fields=("taken_from",), name="claim_handed_over_once"),
            models.CheckConstraint(
                condition=Q(offered_to=None) | ~Q(offered_to=F("user")), name="claim_offered_to_another"
            ),
        ]
