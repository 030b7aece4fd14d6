"""What people say to one another, and that others hear of it: comments, discussions, answers to proposals.

Not in charge of who may say what (`actions.py` of each app) nor of who hears it (`telling.py`).
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from hub import telling
from hub.accounts.models import User
from hub.catalog.models import Task
from hub.claims import actions as claims
from hub.claims.models import Claim
from hub.community import actions as discussions
from hub.community.models import Post
from hub.pulls import actions as pulls
from hub.pulls import threads
from hub.pulls.models import Comment, PatchSet


def comment(patch_set: PatchSet, author: User, body: str, **where: Any) -> Comment:
    """Say something about a pull request (see `pulls.comment`)."""
    with transaction.atomic():
        said = pulls.comment(patch_set, author, body, **where)
        telling.commented(said)
    return said


def reply(thread: Comment, author: User, body: str) -> Comment:
    """Answer in a thread of a pull request (see `threads.answer`)."""
    with transaction.atomic():
        said = threads.answer(thread, author, body)
        telling.commented(said)
    return said


def say(task: Task, author: User, body: str, thread: Post | None = None) -> Post:
    """Say something in the discussion of a task (see `community.say`)."""
    with transaction.atomic():
        post = discussions.say(task, author, body, thread)
        telling.posted(post)
    return post


def answer(claim: Claim, mentor: User, *, accept: bool, text: str = "") -> Claim:
    """Accept or refuse a proposal (see `claims.answer`)."""
    with transaction.atomic():
        answered = claims.answer(claim, mentor, accept=accept, text=text)
        telling.answered(answered)
    return answered
