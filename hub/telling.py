"""Who hears of what, across apps: the lines that the flow says to people.

Not in charge of channels, of words nor of sending (`hub/notify`), nor of what a clock tells (`reminding.py`).
Each function may be called again at any time: a key names the fact, and nobody is told twice under one key.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet

from bench_runner.contract import JobKind, Outcome
from hub.accounts.models import User
from hub.audit.queries import events_about
from hub.bench.models import Job
from hub.boards.history import history
from hub.boards.queries import board
from hub.boards.runs import TIMED
from hub.catalog.models import Task
from hub.claims.models import Claim
from hub.claims.queries import people_of
from hub.community.models import Post, Sig
from hub.core import clock
from hub.notify.actions import EXCERPT, News, tell
from hub.pulls.models import Comment, MergeAttempt, PullRequest, Review
from hub.pulls.queries import Stage, facts, stage_of, why_not_see
from hub.rewards.models import Reward
from hub.rulings.queries import outcome_of

CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
NAMED = re.compile(r"(?<![\w/@.-])@([a-z0-9][a-z0-9-]{1,31})(?![\w-])")
NAMED_MOST = 10  # people of one text who hear that they were named


# Verdicts


def job_ended(job: Job) -> None:
    """The author hears of a verdict that no other one follows by itself; mentors of what waits for them."""
    if job.state == Job.State.ABANDONED:
        _given_up(job)
    if job.state != Job.State.FINISHED or job.kind == JobKind.MERGE:
        return
    pull, outcome = job.patch_set.pull, outcome_of(job.verdict)
    what = _what_of(job, outcome)
    if what:
        _tell([pull.author], what, f"verdict:{job.pk}", pull, **_timing(job))
    if outcome == Outcome.SUSPICIOUS:
        _tell(maintainers(), "review.held", f"held:{job.pk}", pull, but=pull.author, by=pull.author.username)
    if job.kind == JobKind.CHECK:
        review_due(pull)
    if job.kind in TIMED and pull.task.kind != Task.Kind.EXERCISE:
        records(pull.task, job.hardware_class)


def _what_of(job: Job, outcome: str) -> str:
    if outcome == Outcome.SUSPICIOUS:
        return "verdict.held"
    if outcome != Outcome.PASSED:
        return "verdict.failed"
    if job.kind == JobKind.RANK:
        return "verdict.timed"
    timed = job.patch_set.jobs.filter(kind=JobKind.RANK).exclude(state=Job.State.CANCELLED)
    return "" if job.kind == JobKind.CONFIRM or timed.exists() else "verdict.passed"


def _timing(job: Job) -> dict[str, Any]:
    return {"hardware": job.hardware_class, "ratio": f"{job.verdict.ratio or 1:.2f}"}


def _given_up(job: Job) -> None:
    """Operators hear of it once an hour and hardware class: a broken machine fails at everything."""
    last = job.attempts.last()
    operators = User.objects.filter(Q(is_maintainer=True) | Q(is_operator=True))
    _tell(
        operators,
        "trouble.abandoned",
        f"trouble:{job.hardware_class}:{clock.now():%Y-%m-%dT%H}",
        job.patch_set.pull,
        hardware=job.hardware_class,
        text=_excerpt(last.fault if last else ""),
    )


def records(task: Task, hardware_class: str) -> None:
    """Who holds the record hears that it is confirmed, who held it before that it was beaten.

    While a board is frozen or hidden nobody hears anything: that is what it is frozen or hidden for.
    """
    if task.frozen_since(clock.now()) is not None or task.is_hidden(clock.now()):
        return
    held = [moment for moment in history(board(task, hardware_class)) if moment.is_record]
    if not held:
        return
    now, key = held[-1], f"{task.current_id}:{hardware_class}:{held[-1].at.timestamp():.0f}"
    words: dict[str, Any] = {"hardware": hardware_class, "ratio": f"{now.ratio:.2f}", "by": now.user.username}
    path = f"/boards/{task.slug}/{hardware_class}/"
    _tell([now.user], "record.confirmed", f"record:{key}", now.pull, path=path, **words)
    if len(held) > 1:
        before = held[-2].user
        _tell([before], "record.lost", f"record-lost:{key}", now.pull, but=now.user, path=path, **words)


# Reviews, merges, comments


def review_due(pull: PullRequest) -> None:
    """The task's mentors hear that work waits for them: once until somebody answers, then once more."""
    if pull.author.is_house or stage_of(facts(pull)) is not Stage.NEEDS_REVIEW:
        return
    given = Review.objects.filter(patch_set__pull=pull).exclude(kind=Review.Kind.COMMENT).order_by("pk")
    last = given.select_related("reviewer").last()
    people = [*mentors_of(pull.task), *([last.reviewer] if last else [])]
    key = f"review:{pull.pk}:{last.pk if last else 0}"
    _tell(people, "review.asked", key, pull, but=pull.author, by=pull.author.username)


def reviewed(review: Review) -> None:
    pull = review.patch_set.pull
    kinds = {Review.Kind.APPROVE: "turn.approved", Review.Kind.CHANGES: "turn.changes"}
    _said(review.body, review.reviewer, f"review-given:{review.pk}", pull)
    _tell(
        [pull.author],
        kinds.get(Review.Kind(review.kind), "comment.pull"),
        f"review-given:{review.pk}",
        pull,
        but=review.reviewer,
        by=review.reviewer.username,
        text=_excerpt(review.body),
    )


def unmerged(attempt: MergeAttempt) -> None:
    """The author is to move: it conflicts with main, or does not pass there."""
    conflict = attempt.state == MergeAttempt.State.CONFLICT
    what = "turn.conflict" if conflict else "turn.refused"
    pull = attempt.patch_set.pull
    _tell([pull.author], what, f"merge:{attempt.pk}", pull, text=_excerpt(attempt.detail))


def merged(pull: PullRequest) -> None:
    """Author and reviewers hear of it, each with the points that were booked for it."""
    points: Counter[int] = Counter()
    for row in Reward.objects.filter(pull=pull):
        points[row.user_id] += row.points
    key = f"merged:{pull.pk}"
    _tell([pull.author], "merged.author", key, pull, points=points.pop(pull.author_id, 0))
    for row in Reward.objects.filter(pull=pull, kind=Reward.Kind.MERGE, user__in=list(points)):
        by = pull.author.username
        _tell([row.user], "merged.together", key, pull, by=by, points=points.pop(row.user_id))
    for user in User.objects.filter(pk__in=points):
        _tell([user], "merged.reviewer", key, pull, points=points[user.pk])


def commented(said: Comment) -> None:
    """Whoever is named hears of it, else whoever took part."""
    pull = said.patch_set.pull
    key, path = f"comment:{said.pk}", f"/pulls/{pull.pk}/#comment-{said.pk}"
    _said(said.body, said.author, key, pull, path=path)
    in_it = Q(pk=pull.author_id) | Q(comments__patch_set__pull=pull) | Q(reviews__patch_set__pull=pull)
    people = User.objects.filter(in_it).distinct()
    words: dict[str, Any] = {"by": said.author.username, "text": _excerpt(said.body), "path": path}
    _tell(_seeing(people, pull), "comment.pull", key, pull, but=said.author, **words)


def posted(post: Post) -> None:
    """A question is the mentors' to hear, a reply that of the thread."""
    key, path = f"post:{post.pk}", f"/tasks/{post.task.slug}/#post-{post.pk}"
    words = {"by": post.author.username, "text": _excerpt(post.body), **of_task(post.task)}
    tell(_named(post.body), News("mention.task", key, path, words, post.task), but=post.author)
    if post.thread_id is None:
        tell(mentors_of(post.task), News("comment.question", key, path, words, post.task), but=post.author)
        return
    in_it = Q(posts=post.thread_id) | Q(posts__thread=post.thread_id)
    people = User.objects.filter(in_it).distinct()
    tell(people, News("comment.task", key, path, words, post.task), but=post.author)


# Claims


def proposed(claim: Claim) -> None:
    if claim.state == Claim.State.REQUESTED:
        words: dict[str, Any] = {"by": claim.user.username, "text": _excerpt(claim.proposal)}
        _of_claim(mentors_of(claim.task), "review.proposal", f"proposal:{claim.pk}", claim, **words)


def answered(claim: Claim) -> None:
    what = "claim.accepted" if claim.state == Claim.State.ACTIVE else "claim.refused"
    by = claim.answered_by.username if claim.answered_by else ""
    _of_claim([claim.user], what, f"claim:{claim.pk}:answer", claim, by=by, text=_excerpt(claim.answer))


def offered(claim: Claim) -> None:
    if claim.offered_to is not None:
        key, words = _offer(claim), {"by": claim.user.username, "text": _excerpt(claim.hand_over)}
        _of_claim([claim.offered_to], "claim.offered", key, claim, **words)


def declined(claim: Claim, by: User) -> None:
    _of_claim([claim.user], "claim.declined", f"{_offer(claim)}:declined", claim, by=by.username)


def taken_over(claim: Claim) -> None:
    """Both and the task's mentors hear of it."""
    if (before := claim.taken_from) is not None:
        words: dict[str, Any] = {"by": claim.user.username, "who": before.user.username}
        people = [claim.user, before.user, *mentors_of(claim.task)]
        _of_claim(people, "claim.taken_over", f"claim:{claim.pk}:taken", claim, **words)


def _offer(claim: Claim) -> str:
    """Names one offer: a claim may be offered again to whoever declined."""
    return f"claim:{claim.pk}:offer:{events_about(claim).filter(verb='claim.offered').count()}"


def invited(invitation: Claim) -> None:
    if (holder := invitation.shared_with) is not None:
        key, words = f"claim:{invitation.pk}:invited", {"by": holder.user.username, "share": invitation.share}
        _of_claim([invitation.user], "claim.invited", key, invitation, **words)


def uninvited(invitation: Claim) -> None:
    """Whoever invited them hears that they do not join."""
    if (holder := invitation.shared_with) is not None:
        key = f"claim:{invitation.pk}:uninvited"
        _of_claim([holder.user], "claim.not_joined", key, invitation, by=invitation.user.username)


def joined(claim: Claim) -> None:
    """All who share it and the task's mentors hear of it."""
    if (holder := claim.shared_with) is not None:
        words = {"by": claim.user.username, "who": holder.user.username, "share": claim.share}
        people = [*people_of(holder), *mentors_of(claim.task)]
        _of_claim(people, "claim.joined", f"claim:{claim.pk}:joined", claim, **words)


def left(claim: Claim, others: Iterable[User]) -> None:
    """Who shared a claim with whoever released theirs hears of it."""
    words = {"by": claim.user.username, "text": _excerpt(claim.hand_over)}
    _of_claim(others, "claim.left", f"claim:{claim.pk}:left", claim, **words)


def expired(claim: Claim) -> None:
    together = Claim.objects.filter(shared_with=claim, state=Claim.State.EXPIRED).select_related("user")
    people = [claim.user, *(row.user for row in together)]
    _of_claim(people, "claim.expired", f"claim:{claim.pk}:expired", claim)


# Who is who


def maintainers() -> QuerySet[User]:
    return User.objects.filter(is_maintainer=True, is_active=True)


def mentors_of(task: Task) -> list[User]:
    """The task's mentors; maintainers where it has none."""
    return list(task.mentors.filter(is_active=True)) or list(maintainers())


def mentors_beside(task: Task) -> list[User]:
    """Mentors of other tasks of the same SIG."""
    others = User.objects.filter(mentored_tasks__sig=task.sig, is_active=True).distinct()
    return list(others.exclude(pk__in=task.mentors.values("pk")))


def leads_of(task: Task) -> list[User]:
    """Who leads the task's SIG; maintainers where nobody does."""
    sig = Sig.objects.filter(slug=task.sig).first()
    return (list(sig.leads.filter(is_active=True)) if sig else []) or list(maintainers())


def _named(text: str) -> list[User]:
    """People whom a text names as @username, outside its code."""
    names = dict.fromkeys(NAMED.findall(CODE.sub(" ", text)))
    return list(User.objects.filter(username__in=list(names)[:NAMED_MOST]))


# How it is told


def _tell(
    people: Iterable[User], what: str, key: str, pull: PullRequest, *, but: User | None = None, **words: Any
) -> None:
    path = words.pop("path", f"/pulls/{pull.pk}/")
    values = {"pull": pull.pk, **of_task(pull.task), **words}
    tell(people, News(what, key, path, values, pull.task), but=but)


def _said(text: str, by: User, key: str, pull: PullRequest, **words: Any) -> None:
    words |= {"by": by.username, "text": _excerpt(text)}
    _tell(_seeing(_named(text), pull), "mention.pull", key, pull, but=by, **words)


def _seeing(people: Iterable[User], pull: PullRequest) -> list[User]:
    """Those from whom this work is not hidden now: the words of others tell of it."""
    return [user for user in people if why_not_see(pull, user) is None]


def _of_claim(people: Iterable[User], what: str, key: str, claim: Claim, **words: Any) -> None:
    path = f"/tasks/{claim.task.slug}/"
    but = None if what.startswith("claim.") else claim.user
    tell(people, News(what, key, path, {**of_task(claim.task), **words}, claim.task), but=but)


def of_task(task: Task) -> dict[str, Any]:
    return {"task": {"en": task.title_en, "zh": task.title_zh}}


def _excerpt(text: str) -> str:
    text = text.replace("\x00", "").strip()
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"
