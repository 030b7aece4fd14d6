"""What learning opens and earns, across apps: claims that ask for a course, points for a lesson.

Not in charge of the path of a push (`flow.py`, which calls this where a job ended) nor of how far somebody is
(`hub/learning/queries.py`: progress is computed from verdicts, so nothing has to be kept in step here).
"""

from __future__ import annotations

from django.db import transaction

from hub.accounts.models import User
from hub.catalog.models import Task
from hub.claims import actions as claims
from hub.claims.models import Claim
from hub.core.errors import NotNow
from hub.learning import queries as lessons
from hub.pulls.models import PullRequest
from hub.rewards.actions import book
from hub.rewards.models import Reward


def claim(task: Task, user: User, proposal: str = "") -> Claim:
    """Claim a task (see `claims.claim`) for somebody who has done what it requires.

    Raises:
        NotNow: a course or an exercise comes first.
    """
    if (why := lessons.why_not_begin(task, user)) is not None:
        raise NotNow(why)
    return claims.claim(task, user, proposal)


def judged(pull: PullRequest) -> None:
    """If that does a lesson, the claim on its exercise is fulfilled and its points are booked, once."""
    if pull.task.kind != Task.Kind.EXERCISE:
        return
    lesson = lessons.lesson_of(pull.task)
    if lesson is not None and lessons.is_solved(lesson, pull.author):
        with transaction.atomic():
            claims.fulfil(pull.task, pull.author)
            key = f"lesson:{pull.task.slug}:{pull.author.username}"
            book(pull.author, Reward.Kind.LESSON, pull.task.points, pull, key)
