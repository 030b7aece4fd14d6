"""What a profile tells of a person, read across apps: days, SIGs, places on boards, badges."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from django.core.cache import cache
from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate

from hub.accounts.models import User
from hub.boards import stored
from hub.boards.queries import Board, Entry
from hub.catalog.models import Task
from hub.community.models import Post, Sig
from hub.core import clock
from hub.core.prepared import prepared
from hub.pulls.models import Comment, PatchSet, PullRequest, Review
from hub.pulls.together import merged_with, of, shared_merged
from hub.rewards.models import Award
from hub.rewards.rules import Badge, Rule, rules
from hub.web.medals import Year, first_day, year

BOARDS = 8  # that are looked at, the newest work first
REVIEWS = 5
TOP = 0.1  # of a board's entries
TOP_NEEDS = 10  # entries, for a top to mean something
COUNTED_SECONDS = 600


def days_of(who: User) -> Year:
    """What somebody pushed, reviewed and wrote in the last 53 weeks, by day in UTC; in one query."""
    today = clock.now().astimezone(UTC).date()
    since = datetime.combine(first_day(today), time.min, UTC)
    numbers: Counter[date] = Counter()
    for day, number in _days(who.pk, since):
        numbers[day] += number
    return year(numbers, today)


@prepared
def _days(who: int, since: datetime) -> QuerySet[PatchSet, tuple[date, int]]:
    parts = (
        _by_day(PatchSet.objects.filter(pull__author=who, pushed_at__gte=since), "pushed_at"),
        _by_day(Review.objects.filter(reviewer=who, at__gte=since), "at"),
        _by_day(Comment.objects.filter(author=who, review=None, at__gte=since), "at"),
        _by_day(Post.objects.filter(author=who, hidden_at=None, at__gte=since), "at"),
    )
    every: QuerySet[PatchSet, tuple[date, int]] = parts[0].union(*parts[1:], all=True)
    return every


def _by_day(rows: QuerySet, column: str) -> QuerySet:
    days = rows.order_by().annotate(day=TruncDate(column, tzinfo=UTC)).values("day")
    return days.annotate(number=Count("pk")).values_list("day", "number")


@dataclass(frozen=True)
class InSig:
    """What somebody did in one SIG, and how far that brought them."""

    slug: str
    title: str
    merged: int
    reviews: int
    top_entries: int

    @property
    def level(self) -> Rule | None:
        facts = {"merged": self.merged, "reviews": self.reviews, "top_entries": self.top_entries}
        return rules().level(facts)


def sigs_of(who: User, places: Iterable[tuple[Board, Entry]]) -> list[InSig]:
    """The SIGs in which somebody merged or reviewed something, most first; in three queries."""
    work = PullRequest.objects.filter(merged_with(who), state=PullRequest.State.MERGED)
    work = work.exclude(task__kind=Task.Kind.EXERCISE).order_by()
    merged = dict(work.values_list("task__sig").annotate(Count("task", distinct=True)))
    said = Review.objects.filter(reviewer=who).exclude(kind=Review.Kind.COMMENT).order_by()
    reviews = dict(
        said.values_list("patch_set__pull__task__sig").annotate(Count("patch_set__pull", distinct=True))
    )
    tops = Counter(board.task.sig for board, entry in places if is_top(board, entry))
    titles = {sig.slug: sig.title for sig in Sig.objects.filter(slug__in={*merged, *reviews})}
    found = [
        InSig(slug, titles.get(slug, slug), merged.get(slug, 0), reviews.get(slug, 0), tops[slug])
        for slug in {*merged, *reviews}
    ]
    return sorted(found, key=lambda one: (-one.merged - one.reviews, one.slug))


def places_of(who: User) -> list[tuple[Board, Entry]]:
    """Where somebody stands on the boards that they came to last; in three queries."""
    return sorted(stored.places_of(who, BOARDS), key=lambda place: (place[1].rank, -place[0].number))


def is_top(board: Board, entry: Entry) -> bool:
    number = board.number
    return entry.confirmed and number >= TOP_NEEDS and entry.rank <= math.ceil(number * TOP)


@dataclass(frozen=True)
class Held:
    """A badge that somebody has."""

    badge: Badge
    at: datetime


def badges_of(who: User) -> list[Held]:
    """Newest first; a badge whose rule is gone is not shown."""
    known = rules().badges
    return [Held(known[badge], at) for badge, at in _awards(who.pk) if badge in known]


@prepared
def _awards(who: int) -> QuerySet[Award, tuple[str, datetime]]:
    return Award.objects.filter(user=who).values_list("badge", "at")


@dataclass(frozen=True)
class Earned:
    """A badge, how many people have it, and how many per cent of those who have any."""

    badge: Badge
    number: int
    percent: float


def every_badge() -> list[Earned]:
    total, counted = cache.get_or_set("badges.counted", _counted, COUNTED_SECONDS)
    return [
        Earned(badge, counted.get(badge.id, 0), 100 * counted.get(badge.id, 0) / max(1, total))
        for badge in rules().badges.values()
    ]


def _counted() -> tuple[int, dict[str, int]]:
    """How many people have a badge at all, and how many each."""
    total = Award.objects.aggregate(people=Count("user", distinct=True))["people"]
    return total, dict(Award.objects.order_by().values_list("badge").annotate(Count("pk")))


def tallies(who: User) -> dict[str, int]:
    """Pull requests of tasks, opened and merged; also those whose claim they shared."""
    numbers = dict(_states(who.pk, shared_merged(who) or [0]))
    return {"opened": sum(numbers.values()), "merged": numbers.get(PullRequest.State.MERGED, 0)}


@prepared
def _states(author: int, shared: list[int]) -> QuerySet[PullRequest, tuple[str, int]]:
    own = PullRequest.objects.filter(of(author, shared)).exclude(task__kind=Task.Kind.EXERCISE)
    return own.order_by().values_list("state").annotate(Count("pk"))


@prepared
def reviews_of(who: int) -> QuerySet[Review]:
    """The last that somebody gave as a mentor, with what they are about."""
    given = Review.objects.filter(reviewer=who).exclude(kind=Review.Kind.COMMENT)
    given = given.select_related("patch_set__pull__task").order_by("-pk")[:REVIEWS]
    task = ("title_en", "title_zh")
    return given.only(
        "kind", "at", "patch_set__pull__title", *(f"patch_set__pull__task__{name}" for name in task)
    )
