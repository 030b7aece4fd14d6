"""Reads about mentoring: what a mentor looks after, how long first reviews take, what authors say.

Jobs are read through the reverse relation of PatchSet, because bench lies above this app.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Exists, F, Min, OuterRef, QuerySet, Subquery, Value

from bench_runner.contract import JobKind
from hub.accounts.models import User
from hub.core import clock
from hub.core.prepared import prepared
from hub.pulls.models import DeskSettings, PatchSet, PullRequest, Rating, Review

CAPACITY = 4  # open pull requests that a mentor looks after, unless chosen otherwise
WINDOW = timedelta(days=28)
SATISFIED = (Rating.Score.GREAT, Rating.Score.GOOD)
FINISHED = "finished"


@dataclass(frozen=True)
class Care:
    """The open pull requests that a mentor reviewed or has taken, and how many may be."""

    pulls: frozenset[int]
    capacity: int

    @property
    def is_full(self) -> bool:
        return len(self.pulls) >= self.capacity


@dataclass(frozen=True)
class Waits:
    """How long first reviews let wait."""

    median: timedelta | None
    number: int


@dataclass(frozen=True)
class Figures:
    """What a mentor did within WINDOW; ratings of all time."""

    mentor: User
    reviews: int
    contributors: int
    waits: Waits
    rated: int
    satisfied: int

    @property
    def satisfied_percent(self) -> int | None:
        return round(100 * self.satisfied / self.rated) if self.rated else None


def care_of(mentor: User) -> Care:
    # All in one query: every page of the desk asks for them.
    rows = _care(mentor.pk, clock.now())
    capacity = next((number for what, number in rows if what == "capacity"), CAPACITY)
    return Care(frozenset(number for what, number in rows if what == "pull"), capacity)


@prepared
def _care(mentor: int, now: datetime) -> QuerySet[PullRequest, tuple[str, int]]:
    cared = PullRequest.objects.filter(state=PullRequest.State.OPEN).order_by()
    reviewed = cared.filter(patch_sets__reviews__reviewer=mentor)
    taken = cared.filter(review_locks__mentor=mentor, review_locks__until__gt=now)
    chosen = DeskSettings.objects.filter(mentor=mentor)
    both: QuerySet[PullRequest, tuple[str, int]] = (
        reviewed.annotate(what=Value("pull"))
        .values_list("what", "pk")
        .union(
            taken.annotate(what=Value("pull")).values_list("what", "pk"),
            chosen.annotate(what=Value("capacity")).values_list("what", "capacity"),
        )
    )
    return both


def reviewers_of(pull: PullRequest) -> QuerySet[User]:
    """Who said something as a mentor, the author left out."""
    said = Review.objects.filter(patch_set__pull=pull).exclude(reviewer=pull.author_id)
    return User.objects.filter(pk__in=said.values("reviewer")).order_by("username")


def unrated(pull: PullRequest) -> QuerySet[User]:
    """Mentors of whom its author has said nothing yet."""
    return reviewers_of(pull).exclude(ratings__pull=pull)


def first_reviews(since: datetime) -> list[tuple[int, timedelta]]:
    """Reviewer and waiting time of every first review of a pull request since then."""
    others = Review.objects.exclude(reviewer=F("patch_set__pull__author"))
    earlier = others.filter(patch_set__pull=OuterRef("patch_set__pull"), pk__lt=OuterRef("pk"))
    checked = (
        PatchSet.objects.filter(
            pull=OuterRef("patch_set__pull"), jobs__kind=JobKind.CHECK, jobs__state=FINISHED
        )
        .order_by()
        .values("pull")
        .annotate(ready=Min("jobs__ended_at"))
        .values("ready")
    )
    rows = others.filter(~Exists(earlier), at__gte=since).annotate(ready=Subquery(checked))
    found = rows.order_by().values_list("reviewer_id", "at", "ready")
    return [(who, max(at - ready, timedelta(0))) for who, at, ready in found if ready is not None]


def waits_of(times: Iterable[timedelta]) -> Waits:
    every = list(times)
    middle = timedelta(seconds=median(time.total_seconds() for time in every)) if every else None
    return Waits(middle, len(every))


def figures() -> tuple[Waits, list[Figures]]:
    """How long all first reviews took, and who reviewed within WINDOW, most contributors first."""
    since = clock.now() - WINDOW
    times: dict[int, list[timedelta]] = defaultdict(list)
    for who, waited in first_reviews(since):
        times[who].append(waited)
    said: dict[int, list[int]] = defaultdict(list)  # the authors, once for each review
    rows = Review.objects.filter(at__gte=since).exclude(reviewer=F("patch_set__pull__author"))
    for who, author in rows.values_list("reviewer_id", "patch_set__pull__author_id"):
        said[who].append(author)
    rated: dict[int, list[int]] = defaultdict(list)
    for who, score in Rating.objects.filter(mentor__in=said).values_list("mentor_id", "score"):
        rated[who].append(score)
    made = [
        Figures(
            mentor,
            reviews=len(said[mentor.pk]),
            contributors=len(set(said[mentor.pk])),
            waits=waits_of(times[mentor.pk]),
            rated=len(rated[mentor.pk]),
            satisfied=sum(score in SATISFIED for score in rated[mentor.pk]),
        )
        for mentor in User.objects.filter(pk__in=said).only("username", "display_name")
    ]
    whole = waits_of(waited for each in times.values() for waited in each)
    return whole, sorted(made, key=lambda row: (-row.contributors, row.mentor.username))
