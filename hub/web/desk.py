"""The desk: what waits for whom, for how long. For mentors their queue, for contributors their own work.

Not in charge of whose turn it is (`hub/pulls/stages.py`) nor of who may answer (`hub/claims`, `hub/pulls`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from hub.accounts.models import User
from hub.catalog import roles
from hub.catalog.models import Task
from hub.claims import queries as claims
from hub.claims.models import Claim
from hub.core import clock
from hub.core.clock import working_days_after
from hub.pulls import desk as desks
from hub.pulls import queries
from hub.pulls.desk import DeskRow, Wanted
from hub.pulls.locks import locks
from hub.pulls.mentors import care_of
from hub.pulls.models import PullRequest, ReviewLock
from hub.pulls.queries import Facts, Stage, Turn, Who
from hub.rulings import queries as rulings
from hub.web.words import HARDWARE, PROGRAMMING_LANGUAGES

ANSWER_WITHIN = 3  # working days: the first review, and the answer to a proposal
SHOWN, SHOWN_ELSEWHERE = 20, 5  # rows of what waits for a mentor, and for others; the filters find the rest
COUNTED = 30  # results that are held; there are more where this is reached
SILENT = 14  # days of a contributor's turn: from then on the claim's clock decides
NUDGES = (
    (10, gettext_lazy("Time to ask the lead of its SIG.")),
    (5, gettext_lazy("Time to ask the other mentors of its SIG.")),
)  # working days that something has waited for a mentor
LONG = timedelta(days=7)  # a contributor's turn that has lasted so long is worth a friendly word


@dataclass(frozen=True)
class Waiting:
    """A row of the desk with what is due."""

    row: DeskRow
    due: datetime | None
    lock: ReviewLock | None = None

    @property
    def task(self) -> Task:
        return self.row.pull.task if self.row.pull else self.row.claim.task  # type: ignore[union-attr]

    @cached_property
    def is_late(self) -> bool:
        return self.due is not None and self.due < clock.now()

    @property
    def is_long(self) -> bool:
        return self.row.since < clock.now() - LONG

    @cached_property
    def nudge(self) -> str:
        """What it is time for: the longer it waits, the more people are to be asked."""
        days = (clock.now() - self.row.since).days
        if self.row.whose is Who.CONTRIBUTOR:
            return _("The claim's clock runs.") if days >= SILENT else _("Time for a friendly word.")
        if self.due is None:
            return ""
        for limit, words in NUDGES:
            if clock.working_days_after(self.row.since, limit) < clock.now():
                return str(words)
        return ""


@dataclass(frozen=True)
class Own:
    """A pull request of the reader's own."""

    pull: PullRequest
    stage: Stage
    turn: Turn


@dataclass(frozen=True)
class Part:
    """The rows of one section, of which a page shows the first."""

    rows: list[Waiting]
    most: int

    @property
    def shown(self) -> list[Waiting]:
        return self.rows[: self.most]

    @property
    def left_out(self) -> int:
        return max(0, len(self.rows) - self.most)


@login_required
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    user = request.user
    is_mentor = roles.mentors_any(user)
    held = claims.live_claims(user.pk)
    own = queries.open_work_of(user, held)
    wanted = _wanted(request.GET)
    waiting = desks.desk_pulls(user, wanted) if is_mentor else []
    found = queries.facts_of([*own, *waiting])
    shown = {"is_mentor": is_mentor, "within": ANSWER_WITHIN}
    shown |= _own_work(user, (found[pull.pk] for pull in own), held)
    if is_mentor:
        held_number, ready_number = rulings.numbers(user, COUNTED)
        shown |= {"held_number": held_number, "held_more": COUNTED, "ready_number": ready_number}
        shown |= _queue(user, desks.desk(user, (found[pull.pk] for pull in waiting), wanted), wanted)
        shown["looked_at"] = len(waiting) if len(waiting) == desks.LOOKED_AT else 0
    return render(request, "desk/page.html", shown)


def _wanted(asked: QueryDict) -> Wanted:
    return Wanted(
        task=asked.get("task", ""),
        language=_known(asked.get("language", ""), PROGRAMMING_LANGUAGES),
        hardware=_known(asked.get("hardware", ""), HARDWARE),
        mine=asked.get("whose", "") == "mine",
    )


def _known(given: str, words: Mapping[str, object]) -> str:
    return given if given in words else ""


def _queue(user: User, found: list[DeskRow], wanted: Wanted) -> dict[str, Any]:
    held = {lock.pull_id: lock for lock in locks()}
    rows = [Waiting(row, due(row), held.get(row.pull.pk) if row.pull else None) for row in found]
    turns = {who: _part(rows, who) for who in Who}
    return {
        "care": care_of(user),
        "wanted": wanted,
        "has_mentored": wanted.mine or any(row.pull is not None and row.pull.is_own for row in found),
        "filtered": bool(wanted),
        "tasks": sorted({waiting.task for waiting in rows}, key=lambda found: found.slug),
        "languages": PROGRAMMING_LANGUAGES,
        "hardware": HARDWARE,
        "mentors_turn": turns[Who.MENTOR],
        "contributors_turn": turns[Who.CONTRIBUTOR],
        "judges_turn": turns[Who.JUDGE],
        "late": sum(waiting.is_late for waiting in rows),
    }


def _part(rows: list[Waiting], who: Who) -> Part:
    found = [waiting for waiting in rows if waiting.row.whose is who]
    return Part(found, SHOWN if who is Who.MENTOR else SHOWN_ELSEWHERE)


def _own_work(user: User, found: Iterable[Facts], held: Iterable[Claim]) -> dict[str, Any]:
    """Open pull requests, those that wait for this person and the others, longest waiting first; claims."""
    own = sorted((_own(facts) for facts in found), key=lambda row: row.turn.since)
    mine = [row.turn.who is Who.CONTRIBUTOR and row.pull.author_id == user.pk for row in own]
    return {
        "my_turn": [row for row, is_mine in zip(own, mine, strict=True) if is_mine],
        "others_turn": [row for row, is_mine in zip(own, mine, strict=True) if not is_mine],
        "held": [
            (claim, claims.clock(claim) if claim.state == Claim.State.ACTIVE else None) for claim in held
        ],
    }


def _own(facts: Facts) -> Own:
    return Own(facts.pull, queries.stage_of(facts), queries.turn_of(facts))


def due(row: DeskRow) -> datetime | None:
    """When a mentor's answer is due; None where nothing is promised."""
    if row.whose is not Who.MENTOR or row.kind not in ("review", "proposal"):
        return None
    return working_days_after(row.since, ANSWER_WITHIN)
