"""Reads for the mentor's desk: what is under way, who is to move, since when.

Not in charge of stage and turn (`stages.py`) nor of what a mentor looks after (`mentors.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.catalog import roles
from hub.catalog.models import Task
from hub.claims.models import Claim
from hub.claims.queries import open_proposals
from hub.core import clock
from hub.core.prepared import prepared
from hub.pulls import queries
from hub.pulls.models import PullRequest
from hub.pulls.stages import Facts, Stage, Who, facts_of, stage_of, turn_of

LOOKED_AT = 60  # open pull requests whose stage is computed for one desk, which shows up to half of them
SHOWN = (
    "title", "state", "opened_at", "ended_at", "task__slug", "task__kind", "task__title_en", "task__title_zh",
    "author__username", "author__display_name", "author__is_house",
)  # fmt: skip


@dataclass(frozen=True)
class DeskRow:
    """One thing that is under way, who is to move, since when. Either `pull` or `claim` is set."""

    kind: str  # review | merge | held | proposal
    whose: Who
    since: datetime
    sentence: str | Promise
    pull: PullRequest | None = None
    stage: Stage | None = None
    claim: Claim | None = None


KINDS = {Stage.APPROVED: "merge", Stage.MERGING: "merge", Stage.HELD: "held"}


@dataclass(frozen=True)
class Wanted:
    """What a mentor narrows the desk to; whatever is empty does not."""

    task: str = ""  # its slug
    language: str = ""
    hardware: str = ""  # the first part of a hardware class
    mine: bool = False  # tasks that name them as a mentor

    def __bool__(self) -> bool:
        return self != Wanted()

    def tasks(self, mentor: User) -> QuerySet[Task]:
        """The tasks that it leaves, to be asked for within another query."""
        # A list of texts is queried differently by each database; within its text a name stands in quotes.
        texts = {name: Cast(name, TextField()) for name in ("languages", "hardware")}
        found = Task.objects.order_by().alias(**{f"{name}_text": text for name, text in texts.items()})
        if self.task:
            found = found.filter(slug=self.task)
        if self.language:
            found = found.filter(languages_text__contains=f'"{self.language}"')
        if self.hardware:
            found = found.filter(hardware_text__contains=f'"{self.hardware}"')
        return found.filter(mentors=mentor) if self.mine else found


EVERYTHING = Wanted()


def desk(mentor: User, found: Iterable[Facts] | None = None, wanted: Wanted = EVERYTHING) -> list[DeskRow]:
    """What this mentor may answer: first what waits for a mentor, in it the longest waiting first.

    `found`: the facts about `desk_pulls`, if they are known already.
    """
    known = facts_of(desk_pulls(mentor, wanted)).values() if found is None else found
    rows = [*_pull_rows(known), *_proposal_rows(mentor, wanted)]
    return sorted(rows, key=lambda row: (row.whose is not Who.MENTOR, row.since))


def desk_pulls(mentor: User, wanted: Wanted = EVERYTHING) -> list[PullRequest]:
    """Of what is open that of tasks that they mentor first, then what is open longest: LOOKED_AT of them.

    Each with `is_own`: whether they are named as a mentor of its task.
    """
    if not (mentor.is_mentor or mentor.is_maintainer):
        waiting = _waiting(mentor.pk).filter(roles.mentored_by(mentor)).distinct()
    elif wanted:
        waiting = _seen(mentor.pk, clock.now(), mentor.is_maintainer)
    else:
        return _desk_of_all(mentor.is_maintainer, LOOKED_AT)(mentor.pk, clock.now())
    if wanted:
        waiting = waiting.filter(task__in=wanted.tasks(mentor).values("pk"))
    return list(_first(waiting, mentor.pk, LOOKED_AT))


@cache
def _desk_of_all(sees_hidden: bool, most: int) -> Callable[[int, datetime], list[PullRequest]]:
    @prepared
    def rows(mentor: int, now: datetime) -> QuerySet[PullRequest]:
        return _first(_seen(mentor, now, sees_hidden), mentor, most)

    return rows


def _seen(mentor: int, now: datetime, sees_hidden: bool) -> QuerySet[PullRequest]:
    waiting = _waiting(mentor)
    return waiting if sees_hidden else waiting.exclude(task__in=roles.hidden_from(mentor, now))


def _waiting(mentor: int) -> QuerySet[PullRequest]:
    """All that is open and waits for somebody else than this person."""
    waiting = (
        queries.pulls().filter(state=PullRequest.State.OPEN, author__is_house=False).exclude(author=mentor)
    )
    return waiting.exclude(task__kind=Task.Kind.EXERCISE)


def _first(waiting: QuerySet[PullRequest], mentor: int, most: int) -> QuerySet[PullRequest]:
    named = Q(task__in=Task.mentors.through.objects.filter(user=mentor).values("task"))
    waiting = waiting.order_by("opened_at").values("pk")
    # Each of the two has an index to go by; asked for both orders at once all that is open is sorted.
    first = (waiting.filter(named)[:most], waiting[:most])
    keys = [PullRequest.objects.filter(pk__in=rows).order_by().values("pk") for rows in first]
    is_own = ExpressionWrapper(named, output_field=BooleanField())
    rows = queries.pulls().filter(pk__in=keys[0].union(keys[1])).annotate(is_own=is_own).only(*SHOWN)
    return rows.order_by("-is_own", "opened_at")[:most]


def _pull_rows(found: Iterable[Facts]) -> Iterable[DeskRow]:
    for known in found:
        now = stage_of(known)
        turn = turn_of(known, now)
        kind = KINDS.get(now, "review")
        yield DeskRow(kind, turn.who, turn.since, turn.sentence, pull=known.pull, stage=now)


def _proposal_rows(mentor: User, wanted: Wanted) -> Iterable[DeskRow]:
    for claim in open_proposals(mentor, wanted.tasks(mentor) if wanted else None):
        yield DeskRow(
            "proposal", Who.MENTOR, claim.requested_at, _("A proposal waits for an answer."), claim=claim
        )
