from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bench_runner.contract import JobKind, Outcome, Phase, Speed
from hub.core.transitions import table


class Worker(models.Model):
    """A machine's worker. Only the heartbeat writes `last_seen_at`; canaries tell whether it hears."""

    name = models.CharField(max_length=60, unique=True)
    token_digest = models.CharField(max_length=64, unique=True)
    hardware_class = models.CharField(max_length=40, blank=True)  # earned at the first hello
    fingerprint = models.JSONField(default=dict)
    sandboxed = models.BooleanField(default=True)
    retired_at = models.DateTimeField(null=True)
    registered_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(null=True)
    resting_until = models.DateTimeField(null=True)  # it takes no job before, after many faults in a row
    trouble = models.TextField(blank=True)  # why it takes no job, in its own words
    paused_at = models.DateTimeField(null=True)  # it takes no job, because an operator said so
    paused_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    paused_why = models.CharField(max_length=200, blank=True)
    is_leaving = models.BooleanField(default=False)  # goes out of service when it runs nothing
    canary = models.CharField(max_length=32, blank=True)  # the last one sent
    canary_sent_at = models.DateTimeField(null=True)
    unanswered_since = models.DateTimeField(null=True)  # the first of those sent since it last answered
    answered_at = models.DateTimeField(null=True)  # a canary, or by claiming a job

    class Meta:
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(
                condition=Q(is_leaving=False) | Q(paused_at__isnull=False) | Q(retired_at__isnull=False),
                name="worker_that_leaves_takes_no_job",
            ),
        ]


class Job(models.Model):
    """One thing to run for one patch set on one hardware class."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        FINISHED = "finished", _("finished")
        ABANDONED = "abandoned", _("abandoned")
        CANCELLED = "cancelled", _("cancelled")

    moves = table(
        State,
        {
            State.QUEUED: (State.RUNNING, State.CANCELLED, State.ABANDONED),
            State.RUNNING: (State.QUEUED, State.FINISHED, State.ABANDONED, State.CANCELLED),
            State.FINISHED: (),
            State.ABANDONED: (),
            State.CANCELLED: (),
        },
    )
    KINDS = [(kind.value, kind.value) for kind in JobKind]

    class Priority(models.IntegerChoices):
        """The smaller goes first; see `queue.py`."""

        MENTOR = 0, _("asked for by a mentor")
        MERGE = 1, _("merge")
        CHECK = 2, _("check")
        RANK = 3, _("timing")
        HOUSE = 4, _("example of the house")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patch_set = models.ForeignKey("pulls.PatchSet", models.PROTECT, related_name="jobs")
    revision = models.ForeignKey("catalog.TaskRevision", models.PROTECT, related_name="jobs")
    merge_attempt = models.ForeignKey("pulls.MergeAttempt", models.PROTECT, null=True, related_name="jobs")
    kind = models.CharField(max_length=8, choices=KINDS)
    hardware_class = models.CharField(max_length=40)
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.CHECK)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    queued_at = models.DateTimeField()
    not_before = models.DateTimeField(null=True)
    woken_at = models.DateTimeField(null=True)  # last wake-up sent
    ended_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)  # when `flow.job_ended` had drawn what follows from the end

    class Meta:
        ordering = ("queued_at",)
        indexes = [
            models.Index(fields=("state", "hardware_class", "queued_at"), name="bench_job_queue"),
            models.Index(fields=("ended_at",), condition=Q(settled_at=None), name="bench_job_unsettled"),
            models.Index(fields=("-ended_at",), condition=Q(kind="confirm"), name="bench_job_confirmed"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=("patch_set", "revision", "hardware_class", "kind"),
                condition=Q(state__in=("queued", "running")),
                name="job_one_live_per_work",
            ),
            models.CheckConstraint(
                condition=Q(kind="merge", merge_attempt__isnull=False)
                | (~Q(kind="merge") & Q(merge_attempt__isnull=True)),
                name="job_of_a_merge_names_its_attempt",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("queued", "running"), ended_at=None)
                | Q(state__in=("finished", "abandoned", "cancelled"), ended_at__isnull=False),
                name="job_has_an_end_when_it_ended",
            ),
        ]


class Attempt(models.Model):
    """One try of a job by one worker, fenced by a token of its own."""

    class State(models.TextChoices):
        OPEN = "open", _("running")
        DELIVERED = "delivered", _("delivered")
        INFRA_ERROR = "infra_error", _("infrastructure fault")
        LOST = "lost", _("lost")
        CANCELLED = "cancelled", _("cancelled")

    moves = table(
        State,
        {
            State.OPEN: (State.DELIVERED, State.INFRA_ERROR, State.LOST, State.CANCELLED),
            State.DELIVERED: (),
            State.INFRA_ERROR: (),
            State.LOST: (),
            State.CANCELLED: (),
        },
    )

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.ForeignKey(Job, models.PROTECT, related_name="attempts")
    worker = models.ForeignKey(Worker, models.PROTECT, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    token_digest = models.CharField(max_length=64, unique=True)
    started_at = models.DateTimeField()
    heard_at = models.DateTimeField()  # last heartbeat
    lease_until = models.DateTimeField()  # reaped after this, heartbeat or not
    ended_at = models.DateTimeField(null=True)
    phase = models.CharField(
        max_length=10, choices=[(p.value, p.value) for p in Phase], default=Phase.FETCHING
    )
    fault = models.TextField(blank=True)  # what failed on our side, for operators

    class Meta:
        ordering = ("number",)
        indexes = [models.Index(fields=("started_at",), name="bench_attempt_started")]
        constraints = [
            models.UniqueConstraint(
                fields=("job",), condition=Q(state="open"), name="attempt_one_open_per_job"
            ),
            models.UniqueConstraint(fields=("job", "number"), name="attempt_numbered_once"),
            models.CheckConstraint(
                condition=Q(state="open", ended_at=None) | (~Q(state="open") & Q(ended_at__isnull=False)),
                name="attempt_has_an_end_when_it_ended",
            ),
        ]


class ProgressLine(models.Model):
    """One event of the live run, as the worker reported it."""

    attempt = models.ForeignKey(Attempt, models.CASCADE, related_name="progress")
    seq = models.PositiveIntegerField()
    at = models.DateTimeField()
    phase = models.CharField(max_length=10)
    text = models.TextField(blank=True)
    case = models.CharField(max_length=60, blank=True)
    ok = models.BooleanField(null=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    note = models.JSONField(default=dict)

    class Meta:
        ordering = ("seq",)
        constraints = [models.UniqueConstraint(fields=("attempt", "seq"), name="progress_line_once")]


class Verdict(models.Model):
    """The immutable outcome of a job. It is about the contribution, never about our machines."""

    job = models.OneToOneField(Job, models.PROTECT, related_name="verdict")
    attempt = models.OneToOneField(Attempt, models.PROTECT, related_name="verdict")
    outcome = models.CharField(max_length=14, choices=[(o.value, o.value) for o in Outcome])
    reason = models.CharField(max_length=60)
    reason_args = models.JSONField(default=dict)
    cases = models.JSONField(default=list)  # [CaseResult]
    ratio = models.FloatField(null=True)  # geometric mean over rank cases, with its interval
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    speed = models.CharField(max_length=12, blank=True, choices=[(s.value, s.value) for s in Speed])
    stopped = models.CharField(max_length=10, blank=True)
    floor_case = models.CharField(max_length=60, blank=True)
    environment = models.JSONField(default=dict)
    log = models.TextField(blank=True)
    assembly = models.JSONField(null=True)  # Assembly, where the task offers it
    seconds = models.JSONField(default=dict)
    artefact_sha256 = models.CharField(max_length=64, blank=True, db_index=True)
    figures = models.JSONField(default=dict)  # size, memory, accuracy: see the contract
    ranked = models.BooleanField(default=True)  # False: made without a sandbox
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=("-at",), name="bench_verdict_newest"),
            models.Index(  # one in a thousand; the desk and the list of what is held look for them
                fields=("at",), condition=Q(outcome="suspicious"), name="bench_verdict_suspicious"
            ),
        ]
        constraints = [models.UniqueConstraint(fields=("job",), name="verdict_one_per_job")]


class Measurement(models.Model):
    """One metric of one rank case, with its samples and interval."""

    verdict = models.ForeignKey(Verdict, models.PROTECT, related_name="measurements")
    case = models.CharField(max_length=60)
    metric = models.CharField(max_length=20, default="time")
    ratio = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    speed = models.CharField(max_length=12)
    baseline_seconds = models.FloatField()
    candidate_seconds = models.FloatField()
    roofline_percent = models.FloatField(null=True)
    calls_per_sample = models.PositiveIntegerField()
    pairs = models.JSONField()

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=("verdict", "case", "metric"), name="measurement_once_per_case"),
        ]
