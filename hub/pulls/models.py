from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hub.core.transitions import table


class PullRequest(models.Model):
    """The conversation about one branch. What it waits for is computed: `queries.stage`."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        MERGED = "merged", _("merged")
        CLOSED = "closed", _("closed")

    moves = table(
        State,
        {State.OPEN: (State.MERGED, State.CLOSED), State.CLOSED: (State.OPEN,), State.MERGED: ()},
    )

    task = models.ForeignKey("catalog.Task", models.PROTECT, related_name="pulls")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="pulls")
    topic = models.CharField(max_length=63)
    title = models.CharField(max_length=200)  # subject of the first commit
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    opened_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    merged_sha = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=("opened_at",), condition=models.Q(state="open"), name="pull_open"),
            models.Index(fields=("task", "state"), name="pull_of_task"),  # how many were merged, by task
        ]
        constraints = [
            models.UniqueConstraint(fields=("task", "author", "topic"), name="pull_one_per_branch"),
            models.CheckConstraint(
                condition=~Q(state="merged") | ~Q(merged_sha=""), name="pull_merged_needs_a_sha"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.author.branch_name}/{self.topic}"


class PatchSet(models.Model):
    """One head commit of a pull request, with the commit of `main` that it stands on."""

    pull = models.ForeignKey(PullRequest, models.PROTECT, related_name="patch_sets")
    number = models.PositiveIntegerField()
    head_sha = models.CharField(max_length=40)
    base_sha = models.CharField(max_length=40)
    revision = models.ForeignKey("catalog.TaskRevision", models.PROTECT, related_name="+")  # judges it
    subject = models.CharField(max_length=200)  # first line of the head commit's message
    device = models.CharField(max_length=3, default="cpu")  # "cpu" or "gpu": what its code computes on
    pushed_at = models.DateTimeField()

    class Meta:
        ordering = ("number",)
        constraints = [
            models.UniqueConstraint(fields=("pull", "number"), name="patch_set_numbered_once"),
        ]


class Review(models.Model):
    """What a mentor says of a patch set. It counts for that patch set alone."""

    class Kind(models.TextChoices):
        APPROVE = "approve", _("approves")
        CHANGES = "changes", _("asks for changes")
        COMMENT = "comment", _("comments")

    patch_set = models.ForeignKey(PatchSet, models.PROTECT, related_name="reviews")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="reviews")
    kind = models.CharField(max_length=8, choices=Kind)
    body = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        indexes = [
            models.Index(fields=("at",), name="review_at"),
            models.Index(fields=("reviewer", "-id"), name="review_of_reviewer"),  # the last ones of a person
        ]


class Comment(models.Model):
    """A remark on a pull request, or on a line of a patch set's diff when `path` is set.

    A remark on a line begins a thread; its answers name it as their `thread` and stand at the same place.
    """

    class Side(models.TextChoices):
        OLD = "old", _("before")
        NEW = "new", _("after")

    patch_set = models.ForeignKey(PatchSet, models.PROTECT, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="comments")
    review = models.ForeignKey(Review, models.PROTECT, null=True, related_name="comments")  # it came with
    path = models.CharField(max_length=255, blank=True)
    side = models.CharField(max_length=3, choices=Side, default=Side.NEW)
    line = models.PositiveIntegerField(null=True)
    body = models.TextField()
    at = models.DateTimeField()
    thread = models.ForeignKey("self", models.PROTECT, null=True, related_name="answers")
    resolved_at = models.DateTimeField(null=True)  # of the remark that began the thread
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    applied_sha = models.CharField(max_length=40, blank=True)  # commit that took over its suggestion

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(line__isnull=True) | ~Q(path=""), name="comment_line_needs_a_path"
            ),
            models.CheckConstraint(
                condition=Q(resolved_at__isnull=True, resolved_by__isnull=True)
                | (
                    Q(resolved_at__isnull=False, resolved_by__isnull=False, thread__isnull=True) & ~Q(path="")
                ),
                name="comment_resolved_as_a_thread_by_somebody",
            ),
        ]


class ReviewLock(models.Model):
    """Who is reviewing a pull request now; one row for each that was ever taken, void after `until`."""

    pull = models.ForeignKey(PullRequest, models.PROTECT, related_name="review_locks")
    mentor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="review_locks")
    until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=("pull",), name="review_lock_one_per_pull")]


class MergeAttempt(models.Model):
    """One try to land a patch set: its merge commit is judged first, then `main` moves."""

    class State(models.TextChoices):
        TESTING = "testing", _("being judged")
        LANDING = "landing", _("landing")  # decided: from here on a new push is too late to stop it
        LANDED = "landed", _("landed")
        REFUSED = "refused", _("refused")
        CONFLICT = "conflict", _("conflict")
        OUTDATED = "outdated", _("outdated")  # main or the branch moved meanwhile
        ABANDONED = "abandoned", _("abandoned")  # our machines failed, not the contribution

    moves = table(
        State,
        {
            State.TESTING: (State.LANDING, State.REFUSED, State.OUTDATED, State.ABANDONED),
            State.LANDING: (State.LANDED, State.OUTDATED),
            State.LANDED: (),
            State.REFUSED: (),
            State.CONFLICT: (),
            State.OUTDATED: (),
            State.ABANDONED: (),
        },
    )

    patch_set = models.ForeignKey(PatchSet, models.PROTECT, related_name="merge_attempts")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    state = models.CharField(max_length=9, choices=State)
    main_sha = models.CharField(max_length=40)  # main as it was: moved by compare-and-swap from here
    merge_sha = models.CharField(max_length=40, blank=True)
    detail = models.TextField(blank=True)  # conflicting paths, one a line
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("patch_set",),
                condition=Q(state__in=("testing", "landing")),
                name="merge_one_live_per_patch_set",
            ),
            models.CheckConstraint(
                condition=Q(state="conflict") | ~Q(merge_sha=""), name="merge_needs_a_commit"
            ),
        ]


class DeskSettings(models.Model):
    """What a mentor chose for the desk."""

    mentor = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="desk_settings")
    capacity = models.PositiveSmallIntegerField()  # open pull requests under review at once


class SavedReply(models.Model):
    """Words that a mentor uses again and again."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_replies")
    name = models.CharField(max_length=60)
    body = models.TextField()

    class Meta:
        ordering = ("name", "pk")
        constraints = [models.UniqueConstraint(fields=("owner", "name"), name="saved_reply_named_once")]


class Rating(models.Model):
    """What the author of an ended pull request says of a mentor who reviewed it."""

    class Score(models.IntegerChoices):
        GREAT = 5, _("a great help")
        GOOD = 4, _("a good help")
        SOME = 3, _("some help")
        PROBLEM = 1, _("there was a problem")

    pull = models.ForeignKey(PullRequest, models.PROTECT, related_name="ratings")
    mentor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="ratings")
    score = models.PositiveSmallIntegerField(choices=Score)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("pull", "mentor"), name="rating_one_per_mentor_of_a_pull"),
            models.CheckConstraint(condition=Q(score__in=(1, 3, 4, 5)), name="rating_has_a_known_score"),
        ]
