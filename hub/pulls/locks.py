"""Who has a review: one mentor at a time, for half an hour, so that two do not read the same work at once.

A lock is a promise, not a right: it runs out by itself, the review gives it back, and who has none may still
review what nobody has taken. Remarks are free to everybody.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.core import clock
from hub.core.constraints import broken
from hub.core.errors import NotAllowed, NotNow
from hub.core.prepared import prepared
from hub.pulls import queries
from hub.pulls.models import PullRequest, ReviewLock

LASTS = timedelta(minutes=30)
MOST = 4  # reviews that one mentor has at once


def locks() -> list[ReviewLock]:
    """Those that hold now."""
    return _locks(clock.now())


def lock_of(pull: PullRequest) -> ReviewLock | None:
    return next(iter(_locks_of(pull.pk, clock.now())), None)


@prepared
def _locks_of(pull: int, now: datetime) -> QuerySet[ReviewLock]:
    return _holding(now).filter(pull=pull)


def _holding(now: datetime) -> QuerySet[ReviewLock]:
    return ReviewLock.objects.filter(until__gt=now).select_related("mentor")


_locks = prepared(_holding)


def check(pull: PullRequest, mentor: User) -> None:
    """Raises NotNow if somebody else has the review."""
    held = lock_of(pull)
    if held is not None and held.mentor_id != mentor.pk:
        raise NotNow(
            _("%(name)s has taken this review. Leave a comment, or come back within %(minutes)s minutes.")
            % {"name": held.mentor.shown_name, "minutes": LASTS.seconds // 60}
        )


def take(pull: PullRequest, mentor: User) -> None:
    """Take the review, or have it for longer.

    Raises:
        NotAllowed: who may not review it.
        NotNow: somebody else has it, or this mentor has MOST already.
    """
    why = queries.why_not_review(pull, mentor)
    if why is not None:
        raise NotAllowed(why)
    if _holding(clock.now()).filter(mentor=mentor).exclude(pull=pull).count() >= MOST:
        raise NotNow(_("You have taken %(most)s reviews: finish or give back one of them.") % {"most": MOST})
    now = clock.now()
    free = ReviewLock.objects.filter(Q(until__lte=now) | Q(mentor=mentor), pull=pull)
    with transaction.atomic():
        if free.update(mentor=mentor, until=now + LASTS) == 0:
            _take_first(pull, mentor)
        record(mentor, "review.taken", pull)


def _take_first(pull: PullRequest, mentor: User) -> None:
    try:
        with transaction.atomic():
            ReviewLock.objects.create(pull=pull, mentor=mentor, until=clock.now() + LASTS)
    except IntegrityError as error:
        if not broken(error, ReviewLock, "review_lock_one_per_pull"):
            raise
        check(pull, mentor)
        raise NotNow(_("Somebody was first: look again.")) from error


def give_back(pull: PullRequest, mentor: User) -> None:
    """Let others have the review; nothing happens if this mentor has it not."""
    _holding(clock.now()).filter(pull=pull, mentor=mentor).update(until=clock.now())
