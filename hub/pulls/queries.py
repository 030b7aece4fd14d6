"""Reads about pull requests: who may do what, what was said, what waits on a mentor's desk.

Not in charge of stage and turn (`stages.py`, whose names are offered here as well) nor of jobs (`hub/bench`).
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from hub.accounts.models import REJECTS, User
from hub.audit.models import Event
from hub.catalog import roles
from hub.catalog.models import Task
from hub.claims.models import Claim
from hub.claims.queries import share_a_claim
from hub.core.prepared import prepared
from hub.pulls import together
from hub.pulls.models import Comment, MergeAttempt, PatchSet, PullRequest, Review
from hub.pulls.stages import (
    Facts,
    Judged,
    Stage,
    Turn,
    Who,
    current_patch_sets,
    facts,
    facts_of,
    judged,
    last_runs,
    last_words,
    stage,
    stage_of,
    turn_of,
    whose_turn,
)

__all__ = [
    "Facts", "ItemKind", "Rows", "Stage", "TimelineItem", "Turn", "Who", "approval",
    "current_patch_set", "current_patch_sets", "facts", "facts_of", "heads",
    "is_mentor_of", "may_change", "may_resolve", "merged_counts", "merges_landing", "merges_without_job",
    "open_pulls_of", "open_work_of", "pulls", "pulls_of", "rows_of", "stage", "stage_of", "timeline",
    "turn_of", "whose_turn", "why_hidden", "why_not_merge", "why_not_review", "why_not_see",
]  # fmt: skip


LOOKED_AT = 100  # open pull requests whose stage is computed for one page


def pulls() -> QuerySet[PullRequest]:
    """All pull requests that lists show, newest first, with what they show of each."""
    return PullRequest.objects.select_related("task", "author").exclude(author__username=REJECTS)


def pulls_of(user: User) -> QuerySet[PullRequest]:
    """Also what others wrote with whom this person holds the claim, or was paid for it."""
    return pulls().filter(together.work_of(user))


def open_work_of(user: User, held: Iterable[Claim]) -> list[PullRequest]:
    """`held`: the person's live claims, which may be shared with others."""
    return _open_work(user.pk, together.open_with(held) or [0])


@prepared
def _open_work(author: int, shared: list[int]) -> QuerySet[PullRequest]:
    return pulls().filter(Q(author=author) | Q(pk__in=shared), state=PullRequest.State.OPEN)


def open_pulls_of(task: Task, user: User) -> QuerySet[PullRequest]:
    return pulls().filter(task=task, author=user, state=PullRequest.State.OPEN)


def merged_counts(tasks: Iterable[Task]) -> Counter[int]:
    """How many pull requests of each of these tasks were merged, by its key."""
    merged = PullRequest.objects.filter(task__in=tasks, state=PullRequest.State.MERGED)
    return Counter(dict(merged.order_by().values_list("task_id").annotate(Count("pk"))))


def current_patch_set(pull: PullRequest) -> PatchSet | None:
    """The newest patch set; None only in the instant in which the pull request is being opened."""
    return pull.patch_sets.order_by("-number").first()


def heads(task: Task) -> dict[tuple[str, str], PatchSet]:
    """The current patch set of each branch of a task, by username and topic."""
    rows = current_patch_sets().filter(pull__task=task).select_related("pull__author")
    return {(row.pull.author.username, row.pull.topic): row for row in rows}


def approval(pull: PullRequest) -> Review | None:
    """The approval that counts: of the current patch set, and nobody's last word there asks for changes."""
    return facts(pull).approval


def merges_without_job() -> QuerySet[MergeAttempt]:
    """Merge attempts that nobody judges yet; bench's jobs are read through the reverse relation."""
    return MergeAttempt.objects.filter(state=MergeAttempt.State.TESTING, jobs=None)


def merges_landing() -> QuerySet[MergeAttempt]:
    return MergeAttempt.objects.filter(state=MergeAttempt.State.LANDING)


# Who may do what


def why_not_see(pull: PullRequest, user: User) -> str | None:
    """Why this person sees nothing of this work now, as a sentence; None if they do."""
    if pull.author_id == user.pk:
        return None
    if pull.author.keeps_rejects and not is_mentor_of(pull.task, user):
        return _("Only who looks after a task sees its examples that must not pass.")
    return why_hidden(pull.task, user)


def why_hidden(task: Task, user: User) -> str | None:
    """Why this person sees nothing now of what others made of this task; None if they do."""
    if not roles.hides_from(task, user):
        return None
    programme = task.programme
    assert programme is not None  # noqa: S101 -- it is what hides
    words = _("Until %(programme)s ends, its people do not see one another's work. Come back then.")
    return words % {"programme": programme.title}


def is_mentor_of(task: Task, user: User) -> bool:
    """Mentor of the task, or maintainer: may merge."""
    return roles.mentors(task, user)


def may_change(pull: PullRequest, user: User) -> bool:
    """May close, reopen and run again: the author, and whoever may merge."""
    return user.pk == pull.author_id or is_mentor_of(pull.task, user)


def may_resolve(remark: Comment, pull: PullRequest, user: User) -> bool:
    """May say that a thread is done with: who wrote the work or the remark, and mentors, if they see it."""
    if why_not_see(pull, user) is not None:
        return False
    return user.pk in (pull.author_id, remark.author_id) or user.is_mentor or is_mentor_of(pull.task, user)


def why_not_review(pull: PullRequest, user: User) -> str | None:
    """Why this person may not approve or ask for changes, as a sentence; None if they may."""
    if user.pk == pull.author_id:
        return _("This is your own work: somebody else reviews it.")
    if (why := why_not_see(pull, user)) is not None:
        return why
    if pull.task.kind == Task.Kind.EXERCISE:
        return _("The judge alone grades an exercise. You are welcome to comment.")
    if not (user.is_mentor or is_mentor_of(pull.task, user)):
        return _("Only mentors and maintainers review. You are welcome to comment.")
    if share_a_claim(pull.task, pull.author, user):
        return _("You share the claim on this task: somebody else reviews it.")
    if pull.state != PullRequest.State.OPEN:
        return _("This pull request is %(state)s: there is nothing to review.") % {
            "state": pull.get_state_display()
        }
    return None


def why_not_merge(pull: PullRequest, user: User, known: Facts | None = None) -> str | None:
    """Why this person cannot merge it now, as a sentence; None if they can."""
    if not is_mentor_of(pull.task, user):
        return _("Only a mentor of the task or a maintainer merges.")
    if pull.task.kind == Task.Kind.EXERCISE:
        return _("An exercise is not merged: its verdict is what counts.")
    if pull.author.is_house:
        return _("This is an example of the house: it is judged and shown, never merged.")
    found = known or facts(pull)
    now = stage_of(found)
    if now in (Stage.MERGED, Stage.CLOSED, Stage.MERGING):
        return str(turn_of(found).sentence)
    if found.check is None or found.check.ended_at is None or found.check.abandoned or found.wrong:
        return _("The current patch set has not passed: main takes only what the judge has passed.")
    if found.changes:
        return _("%(name)s asks for changes of this patch set.") % {"name": found.changes.reviewer.username}
    if found.approval is None:
        return _("The current patch set is not approved. An approval of an older one does not count.")
    return None


# What was said and done


class ItemKind(enum.StrEnum):
    OPENED = "opened"
    PATCH_SET = "patch_set"
    VERDICT = "verdict"
    REVIEW = "review"
    COMMENT = "comment"
    MERGE = "merge"
    CLOSED = "closed"
    REOPENED = "reopened"
    MERGED = "merged"


ENDS = {f"pull.{kind}": kind for kind in (ItemKind.CLOSED, ItemKind.REOPENED, ItemKind.MERGED)}


@dataclass(frozen=True)
class TimelineItem:
    """One line of the conversation. `subject` is the row it is about; for a verdict a dict of its columns."""

    kind: ItemKind
    at: datetime
    actor: User | None
    patch_set: int | None  # its number
    subject: Any


@dataclass(frozen=True)
class Rows:
    """A pull request with all that was pushed, judged, said and asked for, oldest first: read once a page."""

    pull: PullRequest
    patch_sets: list[PatchSet]
    jobs: list[Judged]
    reviews: list[Review]
    comments: list[Comment]
    merges: list[MergeAttempt]

    @property
    def current(self) -> PatchSet | None:
        return self.patch_sets[-1] if self.patch_sets else None

    @property
    def facts(self) -> Facts:
        """As `facts(pull)` reads them."""
        key = self.current.pk if self.current else 0
        merges = [merge for merge in self.merges if merge.patch_set_id == key]
        reviews = last_words(said for said in self.reviews if said.patch_set_id == key)
        return Facts(
            self.pull, self.current, last_runs(self.jobs)[key], reviews, merges[-1] if merges else None
        )


def rows_of(pull: PullRequest) -> Rows:
    """All that belongs to it. Where it was read with the key of its newest `review`, `comment` or `merge`,
    and there is none, nobody asks again.
    """
    patch_sets = list(pull.patch_sets.all())
    by_key = {row.pk: row for row in patch_sets}
    keys = list(by_key)
    rows = Rows(
        pull,
        patch_sets,
        judged(patch_sets),
        _said(pull, "review", _reviews, keys),
        _said(pull, "comment", _comments, keys),
        _said(pull, "merge", _merges, keys),
    )
    told: list[Any] = [*rows.reviews, *rows.comments, *rows.merges]
    for row in told:
        row.patch_set = by_key[row.patch_set_id]
    return rows


def _said(pull: PullRequest, newest: str, read: Callable[[list[int]], list[Any]], of: list[int]) -> list[Any]:
    """These rows; unless the pull request was read with the key of the newest one, and there is none."""
    return [] if getattr(pull, newest, of) is None else read(of)


@prepared
def _reviews(patch_sets: list[int]) -> QuerySet[Review]:
    return Review.objects.filter(patch_set__pk__in=patch_sets).select_related("reviewer")


@prepared
def _comments(patch_sets: list[int]) -> QuerySet[Comment]:
    return Comment.objects.filter(patch_set__pk__in=patch_sets).select_related("author", "resolved_by")


@prepared
def _merges(patch_sets: list[int]) -> QuerySet[MergeAttempt]:
    return MergeAttempt.objects.filter(patch_set__pk__in=patch_sets).select_related("by").order_by("id")


def timeline(rows: Rows) -> list[TimelineItem]:
    """Everything that happened to a pull request, oldest first."""
    pull, author = rows.pull, rows.pull.author
    items = [TimelineItem(ItemKind.OPENED, pull.opened_at, author, None, pull)]
    items += [_item(ItemKind.PATCH_SET, row.pushed_at, author, row, row) for row in rows.patch_sets]
    items += _verdicts(rows.jobs)
    items += [_item(ItemKind.REVIEW, row.at, row.reviewer, row.patch_set, row) for row in rows.reviews]
    alone = (row for row in rows.comments if row.review_id is None and row.thread_id is None)
    items += [_item(ItemKind.COMMENT, row.at, row.author, row.patch_set, row) for row in alone]
    items += [_item(ItemKind.MERGE, row.at, row.by, row.patch_set, row) for row in rows.merges]
    items += _ends(pull)
    return sorted(items, key=lambda item: item.at)


def _item(kind: ItemKind, at: datetime, actor: User, patch_set: PatchSet, subject: Any) -> TimelineItem:
    return TimelineItem(kind, at, actor, patch_set.number, subject)


def _verdicts(jobs: Iterable[Judged]) -> Iterable[TimelineItem]:
    for job in jobs:
        if job.columns["verdict"]:
            told = job.columns | {"outcome": job.stands}
            yield TimelineItem(ItemKind.VERDICT, told["at"], None, job.number, told)


def _ends(pull: PullRequest) -> Iterable[TimelineItem]:
    for event in _events(str(pull.pk)):
        yield TimelineItem(ENDS[event.verb], event.at, event.actor, None, pull)


@prepared
def _events(pull: str) -> QuerySet[Event]:
    rows = Event.objects.filter(subject_type=PullRequest._meta.label_lower, subject_id=pull)
    return rows.filter(verb__in=ENDS).select_related("actor")
