"""Writes about pull requests: what git brought, what people say, how a merge goes.

Not in charge of the order of these steps, nor of jobs (`hub/flow.py`). Where two facts must not pass each
other (a new patch set, a merge, a close) both take the pull request's row first: `locked`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.catalog.models import Task, TaskRevision
from hub.core import clock
from hub.core.constraints import broken
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.pulls import locks, queries
from hub.pulls.models import Comment, MergeAttempt, PatchSet, PullRequest, Review

BODY_LONGEST = 20_000  # characters of one review or comment
COMMENTS_AN_HOUR = 60  # of a person, on all pull requests; remarks of a review are not counted
LINE_COMMENTS_MOST = 100  # in one review
LINE_MOST = 10_000_000
PATH_LONGEST = 255


@dataclass(frozen=True)
class LineComment:
    path: str
    line: int | None
    body: str
    side: str = Comment.Side.NEW


def locked(pull: PullRequest) -> PullRequest:
    """The row as it is now, kept so until the transaction ends. SQLite locks the whole database at BEGIN."""
    return PullRequest.objects.select_for_update(no_key=True).get(pk=pull.pk)


# What git brought


def open_pull(task: Task, author: User, topic: str, title: str) -> PullRequest:
    """The pull request of a branch; opened if this is its first push."""
    try:
        with transaction.atomic():
            pull = PullRequest.objects.create(
                task=task, author=author, topic=topic, title=_one_line(title), opened_at=clock.now()
            )
            record(author, "pull.opened", pull, task=task.slug, topic=topic)
    except IntegrityError as error:
        if not broken(error, PullRequest, "pull_one_per_branch"):
            raise
        return PullRequest.objects.get(task=task, author=author, topic=topic)
    return pull


def add_patch_set(
    pull: PullRequest, *, number: int, head_sha: str, base_sha: str, subject: str, device: str = "cpu"
) -> PatchSet | None:
    """Add what was pushed as patch set `number`; None if somebody was first or it is not open."""
    try:
        with transaction.atomic():
            if locked(pull).state != PullRequest.State.OPEN:
                return None
            patch_set = PatchSet.objects.create(
                pull=pull,
                number=number,
                head_sha=head_sha,
                base_sha=base_sha,
                subject=_one_line(subject),
                device=device,
                revision=_rules_of(pull.task),
                pushed_at=clock.now(),
            )
            record(pull.author, "patch_set.pushed", patch_set, pull=pull.pk, number=number, head=head_sha)
    except IntegrityError as error:
        if not broken(error, PatchSet, "patch_set_numbered_once"):
            raise
        return None
    return patch_set


# What people say


def review(
    patch_set: PatchSet,
    reviewer: User,
    kind: str,
    body: str = "",
    line_comments: Sequence[LineComment] = (),
) -> Review:
    """Approve a patch set, ask for changes, or only comment, with remarks on lines.

    Raises:
        NotAllowed: own work, hidden from them now, or not a mentor.
        NotNow: a newer patch set was pushed, the pull request is not open, or somebody else has its review.
        BadInput: an unknown kind, or changes asked for without a word.
    """
    if kind not in Review.Kind.values:
        raise BadInput(
            _("“%(kind)s” is no kind of review: give one of %(kinds)s.")
            % {"kind": kind, "kinds": ", ".join(Review.Kind.values)}
        )
    _may_say(patch_set, reviewer, kind)
    if kind != Review.Kind.COMMENT:
        locks.check(patch_set.pull, reviewer)
    if kind != Review.Kind.APPROVE and not body.strip() and not line_comments:
        raise BadInput(_("Say what should change: a word of yours saves the contributor a guess."))
    if len(line_comments) > LINE_COMMENTS_MOST:
        raise BadInput(_("At most %(most)s remarks fit in one review.") % {"most": LINE_COMMENTS_MOST})
    with transaction.atomic():
        _still_current(patch_set)
        given = Review.objects.create(
            patch_set=patch_set,
            reviewer=reviewer,
            kind=kind,
            body=_text(body, needed=False),
            at=clock.now(),
        )
        for remark in line_comments:
            _comment(patch_set, reviewer, remark, review=given)
        locks.give_back(patch_set.pull, reviewer)
        record(reviewer, f"review.{kind}", given, pull=patch_set.pull_id, number=patch_set.number)
    return given


def comment(
    patch_set: PatchSet,
    author: User,
    body: str,
    path: str = "",
    side: str = Comment.Side.NEW,
    line: int | None = None,
    thread: Comment | None = None,
) -> Comment:
    """Say something about a pull request, or about a line of a patch set's diff; `thread`: as an answer.

    Raises:
        NotAllowed: the work is hidden from them now.
        BadInput: empty or too long, or a line without a path.
        NotNow: too much within the hour.
    """
    if (why := queries.why_not_see(patch_set.pull, author)) is not None:
        raise NotAllowed(why)
    since = clock.now() - timedelta(hours=1)
    if Comment.objects.filter(author=author, review=None, at__gt=since).count() >= COMMENTS_AN_HOUR:
        raise NotNow(
            _("You have said %(most)s things within an hour: go on a little later.")
            % {"most": COMMENTS_AN_HOUR}
        )
    with transaction.atomic():
        said = _comment(patch_set, author, LineComment(path, line, body, side), thread=thread)
        record(author, "comment.made", said, pull=patch_set.pull_id, number=patch_set.number)
    return said


def close(pull: PullRequest, by: User) -> None:
    """Close a pull request that will not be merged. Its branch takes no more pushes until it is reopened.

    Raises:
        NotAllowed: neither the author nor a mentor of the task nor a maintainer.
        NotNow: it is not open, or being merged.
    """
    _may_change(pull, by)
    with transaction.atomic():
        locked(pull)
        if MergeAttempt.objects.filter(patch_set__pull=pull, state__in=MergeAttempt.moves.live).exists():
            raise NotNow(_("It is being merged just now: wait for the verdict on the merge commit."))
        _move(pull, PullRequest.State.CLOSED, by, "pull.closed", ended_at=clock.now())


def reopen(pull: PullRequest, by: User) -> None:
    """Open a closed pull request again."""
    _may_change(pull, by)
    with transaction.atomic():
        _move(pull, PullRequest.State.OPEN, by, "pull.reopened", ended_at=None)


# How a merge goes


def start_merge(patch_set: PatchSet, by: User, *, main_sha: str, merge_sha: str, **told: Any) -> MergeAttempt:
    """Begin to judge a merge commit; `told` is kept in the audit beside it.

    Raises:
        NotNow: a newer patch set was pushed, the pull request is not open, or it is being merged already.
    """
    try:
        with transaction.atomic():
            _still_current(patch_set)
            attempt = MergeAttempt.objects.create(
                patch_set=patch_set,
                by=by,
                state=MergeAttempt.State.TESTING,
                main_sha=main_sha,
                merge_sha=merge_sha,
                at=clock.now(),
            )
            shas = {"merge": merge_sha, "main": main_sha}
            record(by, "merge.requested", attempt, pull=patch_set.pull_id, **shas, **told)
    except IntegrityError as error:
        if not broken(error, MergeAttempt, "merge_one_live_per_patch_set"):
            raise
        raise NotNow(_("It is being merged already.")) from error
    return attempt


def note_conflict(patch_set: PatchSet, by: User, *, main_sha: str, paths: Sequence[str]) -> MergeAttempt:
    """Keep for the contributor which paths do not merge."""
    with transaction.atomic():
        attempt = MergeAttempt.objects.create(
            patch_set=patch_set,
            by=by,
            state=MergeAttempt.State.CONFLICT,
            main_sha=main_sha,
            detail="\n".join(paths),
            at=clock.now(),
            ended_at=clock.now(),
        )
        record(by, "merge.conflict", attempt, pull=patch_set.pull_id, paths=list(paths)[:20])
    return attempt


def begin_landing(attempt: MergeAttempt) -> bool:
    """Decide that `main` may move. From here on neither a push nor a close comes before it."""
    pull = attempt.patch_set.pull
    with transaction.atomic():
        pull = locked(pull)
        if pull.state != PullRequest.State.OPEN or queries.current_patch_set(pull) != attempt.patch_set:
            return False
        return MergeAttempt.moves.move(attempt, MergeAttempt.State.LANDING)


def landed(attempt: MergeAttempt) -> bool:
    """`main` has moved: the pull request is merged."""
    with transaction.atomic():
        locked(attempt.patch_set.pull)  # first, as everywhere
        if not MergeAttempt.moves.move(attempt, MergeAttempt.State.LANDED, ended_at=clock.now()):
            return False
        pull, sha = attempt.patch_set.pull, attempt.merge_sha
        _move(pull, PullRequest.State.MERGED, attempt.by, "pull.merged", ended_at=clock.now(), merged_sha=sha)
    return True


def end_merge(attempt: MergeAttempt, state: str, *, only_from: str = MergeAttempt.State.TESTING) -> bool:
    """Refused, outdated or abandoned: `main` stays as it is. One that is landing is left to who lands it."""
    with transaction.atomic():
        if not MergeAttempt.moves.move(attempt, state, only_from=[only_from], ended_at=clock.now()):
            return False
        record(None, f"merge.{state}", attempt, pull=attempt.patch_set.pull_id)
    return True


def outdate_merges(patch_set: PatchSet) -> None:
    """A newer patch set was pushed: what is being tested of older ones will not land."""
    older = MergeAttempt.objects.filter(
        patch_set__pull=patch_set.pull_id,
        patch_set__number__lt=patch_set.number,
        state=MergeAttempt.State.TESTING,
    )
    for attempt in older:
        end_merge(attempt, MergeAttempt.State.OUTDATED)


def _may_say(patch_set: PatchSet, reviewer: User, kind: str) -> None:
    if (hidden := queries.why_not_see(patch_set.pull, reviewer)) is not None:
        raise NotAllowed(hidden)
    why = queries.why_not_review(patch_set.pull, reviewer)
    if why is None or (kind == Review.Kind.COMMENT and patch_set.pull.state == PullRequest.State.OPEN):
        return
    if patch_set.pull.state != PullRequest.State.OPEN:
        raise NotNow(why)
    raise NotAllowed(why)


def _still_current(patch_set: PatchSet) -> None:
    pull = locked(patch_set.pull)
    current = queries.current_patch_set(pull)
    if pull.state != PullRequest.State.OPEN:
        raise NotNow(_("This pull request is %(state)s by now.") % {"state": pull.get_state_display()})
    if current is not None and current != patch_set:
        raise NotNow(
            _("Patch set %(newer)s was pushed meanwhile; you were looking at %(number)s.")
            % {"newer": current.number, "number": patch_set.number}
        )


def _comment(
    patch_set: PatchSet,
    author: User,
    remark: LineComment,
    review: Review | None = None,
    thread: Comment | None = None,
) -> Comment:
    if remark.side not in Comment.Side.values:
        raise BadInput(
            _("“%(side)s” is no side of a diff: give one of %(sides)s.")
            % {"side": remark.side, "sides": ", ".join(Comment.Side.values)}
        )
    if remark.line is not None and (not remark.path or not 1 <= remark.line <= LINE_MOST):
        raise BadInput(_("A remark on line %(line)s needs a path and a line of it.") % {"line": remark.line})
    if len(remark.path) > PATH_LONGEST:
        raise BadInput(_("The path “%(path)s…” is too long.") % {"path": remark.path[:60]})
    return Comment.objects.create(
        patch_set=patch_set,
        author=author,
        review=review,
        thread=thread,
        path=remark.path,
        side=remark.side,
        line=remark.line,
        body=_text(remark.body, needed=True),
        at=clock.now(),
    )


def _text(body: str, *, needed: bool) -> str:
    body = body.replace("\r\n", "\n").replace("\x00", "").strip()
    if needed and not body:
        raise BadInput(_("Write something first."))
    if len(body) > BODY_LONGEST:
        raise BadInput(
            _("That is %(length)s characters; at most %(most)s fit.")
            % {"length": len(body), "most": BODY_LONGEST}
        )
    return body


def _rules_of(task: Task) -> TaskRevision:
    if task.current is None:
        raise NotNow(_("The task %(task)s has no revision yet.") % {"task": task.slug})
    return task.current


def _one_line(text: str) -> str:
    """A commit's subject as it may be stored: printable, of one line, never empty."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line[:200] or "(no message)"


def _may_change(pull: PullRequest, by: User) -> None:
    if not queries.may_change(pull, by):
        raise NotAllowed(_("Only the author, a mentor of the task or a maintainer does that."))


def _move(pull: PullRequest, state: str, by: User | None, verb: str, **columns: Any) -> None:
    if not PullRequest.moves.move(pull, state, **columns):
        pull.refresh_from_db()
        raise NotNow(_("This pull request is %(state)s by now.") % {"state": pull.get_state_display()})
    record(by, verb, pull)
