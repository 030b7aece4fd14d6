"""What learning and programmes open and earn, across apps: what comes before a claim, points for lessons.

Not in charge of the path of a push (`flow.py`, which calls this where a job ended) nor of how far somebody is
(`hub/learning/queries.py`: progress is computed from verdicts, so nothing has to be kept in step here).
"""

from __future__ import annotations

from django.db import transaction

from hub import telling
from hub.accounts.models import User
from hub.catalog.models import Task
from hub.claims import actions as claims
from hub.claims import together
from hub.claims.models import Claim
from hub.core.errors import NotNow
from hub.learning import queries as lessons
from hub.programmes import queries as programmes
from hub.pulls.models import PullRequest
from hub.rewards.actions import book
from hub.rewards.models import Reward


def claim(task: Task, user: User, proposal: str = "") -> Claim:
    """Claim a task (see `claims.claim`) for somebody who has done what it requires.

    Raises:
        NotNow: a course or an exercise comes first, or its programme's choice of people.
    """
    if (why := why_not_begin(task, user)) is not None:
        raise NotNow(why)
    with transaction.atomic():
        made = claims.claim(task, user, proposal)
        telling.proposed(made)
    return made


def offer(claim: Claim, user: User, username: str, hand_over: str = "") -> None:
    """Offer one's claim to somebody (see `claims.offer`), who hears of it."""
    with transaction.atomic():
        claims.offer(claim, user, username, hand_over)
        telling.offered(claim)


def end_offer(claim: Claim, user: User) -> None:
    """Keep one's claim after all, or decline the one offered (see `claims.end_offer`)."""
    with transaction.atomic():
        claims.end_offer(claim, user)
        if user.pk != claim.user_id:
            telling.declined(claim, user)


def take_over(claim: Claim, user: User) -> Claim:
    """Take the claim that one was offered (see `claims.take_over`), if one has done what the task requires.

    Raises:
        NotNow: a course or an exercise comes first, or its programme's choice of people.
    """
    if (why := why_not_begin(claim.task, user)) is not None:
        raise NotNow(why)
    with transaction.atomic():
        taken = claims.take_over(claim, user)
        telling.taken_over(taken)
    return taken


def invite(claim: Claim, user: User, username: str, share: str) -> None:
    """Invite somebody to share one's claim (see `together.invite`), who hears of it."""
    with transaction.atomic():
        telling.invited(together.invite(claim, user, username, share))


def join(invitation: Claim, user: User) -> None:
    """Share the claim that one was invited to (see `together.join`), if one has done what the task requires.

    Raises:
        NotNow: a course or an exercise comes first, or its programme's choice of people.
    """
    if (why := why_not_begin(invitation.task, user)) is not None:
        raise NotNow(why)
    with transaction.atomic():
        together.join(invitation, user)
        telling.joined(invitation)


def end_invitation(invitation: Claim, user: User) -> None:
    """Decline, or take back, an invitation (see `together.end_invitation`)."""
    with transaction.atomic():
        together.end_invitation(invitation, user)
        if user.pk == invitation.user_id:
            telling.uninvited(invitation)


def release(claim: Claim, user: User, hand_over: str = "") -> None:
    """Give one's claim up (see `claims.release`); who shared it hears of it."""
    with transaction.atomic():
        others = [row.user for row in together.whole(claim).select_related("user") if row.user_id != user.pk]
        claims.release(claim, user, hand_over)
        telling.left(claim, others)


def why_not_begin(task: Task, user: User, asked: list[lessons.Requirement] | None = None) -> str | None:
    """What comes before a claim on the task, as a sentence; None if nothing does.

    `asked`: what the task requires, if the caller has read it.
    """
    return lessons.why_not_begin(task, user, asked) or programmes.why_not_claim(task, user)


def judged(pull: PullRequest) -> bool:
    """If that does a lesson, its claim is fulfilled and its points are booked; whether that is new."""
    if pull.task.kind != Task.Kind.EXERCISE:
        return False
    lesson = lessons.lesson_of(pull.task)
    if lesson is None or not lessons.is_solved(lesson, pull.author):
        return False
    with transaction.atomic():
        claims.fulfil(pull.task, pull.author)
        key = f"lesson:{pull.task.slug}:{pull.author.username}"
        return book(pull.author, Reward.Kind.LESSON, pull.task.points, pull, key)
