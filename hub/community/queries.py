"""Reads about discussions, SIGs and events: threads, who may hide what, who leads, who has a seat."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from hub.accounts.models import User
from hub.catalog.models import Task
from hub.community.models import Announcement, Event, Post, Sig, SignUp
from hub.core import clock
from hub.core.prepared import prepared
from hub.pulls.queries import is_mentor_of

LATELY = timedelta(days=14)
ANSWERS = 4
CALENDAR_BACK = timedelta(days=90)
CALENDAR_MOST = 500  # events of a feed


@dataclass(frozen=True)
class Thread:
    """What was said first, and every reply to it, oldest first."""

    start: Post
    replies: tuple[Post, ...]


def has_posted(user: User, task: Task) -> bool:
    """Whether this person has said something about the task."""
    return bool(_own_posts(task.pk, user.pk))


@prepared
def _own_posts(task: int, author: int) -> QuerySet[Post, int]:
    return Post.objects.filter(task=task, author=author).order_by().values_list("pk", flat=True)[:1]


def threads(task: Task, first: int, number: int) -> list[Thread]:
    """So many threads on the task, newest first, from the one with so many before it; in one query."""
    begun = Post.objects.filter(task=task, thread=None).order_by("-id").values("pk")[first : first + number]
    rows = Post.objects.filter(Q(pk__in=begun) | Q(thread__in=begun), task=task)
    starts, replies = list[Post](), defaultdict[int | None, list[Post]](list)
    for post in rows.select_related("author", "hidden_by").order_by("id"):
        (starts if post.thread_id is None else replies[post.thread_id]).append(post)
    return [Thread(start, tuple(replies[start.pk])) for start in reversed(starts)]


def answers_to(user: User) -> list[Post]:
    """What others said lately in threads that this person began, the newest ones first."""
    return _answers(user.pk, clock.now() - LATELY)


@prepared
def _answers(user: int, since: datetime) -> QuerySet[Post]:
    said = Post.objects.filter(thread__author=user, at__gt=since, hidden_at=None).exclude(author=user)
    return said.select_related("author", "task").order_by("-id")[:ANSWERS]


def may_hide(post: Post, user: User) -> bool:
    return user.pk == post.author_id or is_mentor_of(post.task, user)


def may_show(post: Post, user: User) -> bool:
    """Who hid it themselves, and who moderates, unless it is their own that another moderator hid."""
    if post.hidden_by_id == user.pk:
        return True
    return user.pk != post.author_id and is_mentor_of(post.task, user)


def is_lead(sig: Sig, user: User) -> bool:
    return user.is_authenticated and (user.is_maintainer or sig.leads.filter(pk=user.pk).exists())


def sigs() -> QuerySet[Sig]:
    """Every SIG with its leads and how many `members` it has, by name: a count takes away a model's order."""
    return Sig.objects.annotate(members=Count("memberships")).prefetch_related("leads").order_by("slug")


def titles() -> dict[str, Sig]:
    """The SIGs by slug, read as far as their titles need."""
    return {sig.slug: sig for sig in Sig.objects.only("slug", "title_en", "title_zh")}


def announcements(sig: Sig) -> QuerySet[Announcement]:
    """What stands on the SIG's page, newest first."""
    return sig.announcements.filter(withdrawn_at=None).select_related("author")


def events() -> QuerySet[Event]:
    """Every event with its SIG and how many `wanted` to come, soonest first."""
    on_the_list = Count("sign_ups", filter=Q(sign_ups__left_at=None))
    return Event.objects.select_related("sig").annotate(wanted=on_the_list).order_by("starts_at", "id")


def coming(sig: Sig | None = None) -> QuerySet[Event]:
    """What is not over yet, of one SIG or of all."""
    rows = events().filter(ends_at__gt=clock.now())
    return rows.filter(sig=sig) if sig else rows


def past(sig: Sig) -> QuerySet[Event]:
    """What is over, newest first."""
    return events().filter(sig=sig, ends_at__lte=clock.now()).order_by("-starts_at")


def in_calendars(sig: Sig | None = None) -> QuerySet[Event]:
    """What a feed tells: the last months and what is to come."""
    rows = Event.objects.filter(ends_at__gt=clock.now() - CALENDAR_BACK).select_related("sig")
    return (rows.filter(sig=sig) if sig else rows)[:CALENDAR_MOST]


@dataclass(frozen=True)
class Seats:
    """Who has a seat at an event, and who waits for one, in order."""

    seated: tuple[User, ...]
    waiting: tuple[User, ...]


def seats(event: Event) -> Seats:
    rows = event.sign_ups.filter(left_at=None).select_related("user").order_by("pk")
    people = tuple(row.user for row in rows)
    number = len(people) if event.capacity is None else event.capacity
    return Seats(people[:number], people[number:])


def own_events(user: User) -> tuple[list[Event], set[int]]:
    """The events that this person signed up for, and the keys of those where they wait; in two queries."""
    rows = Event.objects.filter(ends_at__gt=clock.now() - CALENDAR_BACK, sign_ups__user=user)
    own = list(rows.filter(sign_ups__left_at=None).select_related("sig").distinct()[:CALENDAR_MOST])
    lists: dict[int, list[int]] = defaultdict(list)
    live = SignUp.objects.filter(event__in=own, left_at=None).order_by("pk")
    for event, person in live.values_list("event", "user"):
        lists[event].append(person)
    waiting = {
        event.pk
        for event in own
        if event.capacity is not None and user.pk not in lists[event.pk][: event.capacity]
    }
    return own, waiting
