from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hub.audit.models import AppendOnlyModel
from hub.core.transitions import table


class Application(models.Model):
    """Somebody asks to take part in a programme, with the tasks they would like, best first. One a person."""

    class State(models.TextChoices):
        SUBMITTED = "submitted", _("waiting for the choice")
        WITHDRAWN = "withdrawn", _("withdrawn")
        ACCEPTED = "accepted", _("accepted")
        DECLINED = "declined", _("not chosen")

    moves = table(
        State,
        {
            State.SUBMITTED: (State.WITHDRAWN, State.ACCEPTED, State.DECLINED),
            State.WITHDRAWN: (State.SUBMITTED,),  # thought better of it, while applications are open
            State.ACCEPTED: (),
            State.DECLINED: (),
        },
    )

    programme = models.ForeignKey("catalog.Programme", models.PROTECT, related_name="applications")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="applications")
    state = models.CharField(max_length=9, choices=State, default=State.SUBMITTED)
    text = models.TextField()  # why, and how they would go about it
    task = models.ForeignKey("catalog.Task", models.PROTECT, null=True, related_name="+")  # accepted for it
    at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=("programme", "user"), name="application_one_a_person"),
            models.CheckConstraint(
                condition=Q(state="accepted", task__isnull=False) | (~Q(state="accepted") & Q(task=None)),
                name="application_accepted_for_a_task",
            ),
        ]


class Wish(models.Model):
    """A task that an applicant would like; place 1 is the dearest. `mentor_rank` is what its mentors say."""

    application = models.ForeignKey(Application, models.CASCADE, related_name="wishes")
    task = models.ForeignKey("catalog.Task", models.PROTECT, related_name="+")
    place = models.PositiveSmallIntegerField()
    mentor_rank = models.PositiveSmallIntegerField(null=True)  # 1 is who they want most; null: not wanted

    class Meta:
        ordering = ("place",)
        constraints = [
            models.UniqueConstraint(fields=("application", "task"), name="wish_once_a_task"),
            models.UniqueConstraint(fields=("application", "place"), name="wish_one_at_a_place"),
        ]


class Team(models.Model):
    """People who enter a contest together. Who has the code may join."""

    programme = models.ForeignKey("catalog.Programme", models.PROTECT, related_name="teams")
    name = models.CharField(max_length=40)
    code = models.CharField(max_length=32, unique=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=("programme", "name"), name="team_named_once"),
        ]


class Member(models.Model):
    """Somebody in a team. The programme stands here as well, so that nobody is in two teams of it."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="members")
    programme = models.ForeignKey("catalog.Programme", models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="team_memberships")
    at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=("programme", "user"), name="member_of_one_team"),
        ]


class Announcement(models.Model):
    """What everybody in a programme should know. Taken back, it stays as a row and is shown no more."""

    programme = models.ForeignKey("catalog.Programme", models.PROTECT, related_name="announcements")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    title = models.CharField(max_length=120)
    body = models.TextField()  # Markdown
    at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)


class Assessment(AppendOnlyModel):
    """A mentor's word on one stage of somebody's work on a task. The last one about it counts."""

    programme = models.ForeignKey("catalog.Programme", models.PROTECT, related_name="assessments")
    task = models.ForeignKey("catalog.Task", models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    stage = models.PositiveSmallIntegerField()  # its place in the programme's rule, from 1
    passed = models.BooleanField()
    note = models.TextField(blank=True)  # for whom it is about
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(condition=Q(stage__gt=0), name="assessment_of_a_stage"),
            models.CheckConstraint(
                condition=Q(passed=True) | ~Q(note=""), name="assessment_failed_with_a_reason"
            ),
        ]
