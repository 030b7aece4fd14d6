"""Reads about discussions: the threads of a task, and who may hide what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet

from hub.accounts.models import User
from hub.catalog.models import Task
from hub.community.models import Post
from hub.core import clock
from hub.pulls.queries import is_mentor_of

LATELY = timedelta(days=14)


@dataclass(frozen=True)
class Thread:
    """What was said first, and every reply to it, oldest first."""

    start: Post
    replies: tuple[Post, ...]


def starts(task: Task) -> QuerySet[Post]:
    """What begins a thread on the task, newest first."""
    return task.posts.filter(thread=None).select_related("author", "hidden_by").order_by("-id")


def threads(begun: Iterable[Post]) -> list[Thread]:
    """These with their replies, in one query more."""
    first = list(begun)
    if not first:
        return []
    replies: dict[int | None, list[Post]] = defaultdict(list)
    for reply in Post.objects.filter(thread__in=first).select_related("author", "hidden_by"):
        replies[reply.thread_id].append(reply)
    return [Thread(post, tuple(replies[post.pk])) for post in first]


def answers_to(user: User) -> QuerySet[Post]:
    """What others said lately in threads that this person began, newest first."""
    since = clock.now() - LATELY
    said = Post.objects.filter(thread__author=user, at__gt=since, hidden_at=None).exclude(author=user)
    return said.select_related("author", "task").order_by("-id")


def may_hide(post: Post, user: User) -> bool:
    return user.pk == post.author_id or is_mentor_of(post.task, user)


def may_show(post: Post, user: User) -> bool:
    """Who hid it themselves, and who moderates, unless it is their own that another moderator hid."""
    if post.hidden_by_id == user.pk:
        return True
    return user.pk != post.author_id and is_mentor_of(post.task, user)
