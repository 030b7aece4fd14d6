"""Who is owed what by a programme: computed from the ledger and the mentors' words on stages, nothing stored.

Insiders (mentors of its tasks, maintainers, the house) are listed and owed nothing. The hub moves no money.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum

from hub.accounts.models import User
from hub.catalog.models import Programme
from hub.programmes import queries
from hub.programmes.payout import due
from hub.programmes.stages import stages_of, works
from hub.programmes.standings import ledger
from hub.rewards.models import Reward


@dataclass(frozen=True)
class Owed:
    """A person's line of the statement."""

    user: User
    merged: int
    points: int
    due: int  # of the points, what is to be paid by now
    amount: Decimal | None  # for these, in the programme's currency; None where a point has no value
    insider: bool
    stages: tuple[int, ...]  # what of `due` each stage brings, where a programme pays by stages

    @property
    def rest(self) -> int:
        """Points that are not due yet."""
        return self.points - self.due


def statement(programme: Programme) -> list[Owed]:
    """Who is owed what by the ledger, most first. Insiders are listed and are owed nothing.

    Where a programme pays by stages, the points of work that is not merged yet are counted as well: what
    stages of it are passed is due.
    """
    inside, rows = queries.insiders(programme), _rows(programme)
    people = User.objects.in_bulk(rows)
    found = [_owed(programme, people[key], row, key in inside) for key, row in rows.items()]
    return sorted(found, key=lambda owed: (owed.insider, -owed.points, owed.user.username))


def in_all(programme: Programme, inside: set[int]) -> tuple[int, Decimal | None]:
    """Points that are booked, and what is owed by now; None where a point has no value."""
    rows = _rows(programme)
    booked = sum(row["booked"] for row in rows.values())
    if programme.point_value is None:
        return booked, None
    return booked, programme.point_value * sum(row["due"] for key, row in rows.items() if key not in inside)


def _rows(programme: Programme) -> dict[int, dict[str, Any]]:
    """What `Owed` tells, by the person's key."""
    merged = Count("pull", filter=Q(kind=Reward.Kind.MERGE), distinct=True)
    sums = ledger(programme).order_by().values("user").annotate(sum=Sum("points"), merged=merged)
    rows = {
        row["user"]: {**row, "booked": row["sum"], "due": row["sum"], "stages": ()}
        for row in sums
        if row["sum"]
    }
    if programme.payout_tiers:
        _pay_by_tiers(programme, rows)
    if programme.payout_stages:
        _pay_by_stages(programme, rows)
    return rows


def _pay_by_tiers(programme: Programme, rows: dict[int, dict[str, Any]]) -> None:
    booked: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    for user, at, points in ledger(programme).values_list("user", "at", "points"):
        booked[user].append((at, points))
    for key, row in rows.items():
        row["due"] = due(programme, booked[key])


def _pay_by_stages(programme: Programme, rows: dict[int, dict[str, Any]]) -> None:
    """Points for anything else than one's work on a task are due as they are booked."""
    stages = stages_of(programme.payout_stages)
    for (_task, user), work in works(programme, ledger(programme)).items():
        nothing = {"sum": 0, "booked": 0, "merged": 0, "due": 0, "stages": ()}
        row = rows.setdefault(user, nothing)
        by_stage = work.due(stages)
        row["sum"] += 0 if work.merged else work.points
        row["due"] += sum(by_stage.values()) - (work.points if work.merged else 0)
        before = row["stages"] or (0,) * len(stages)
        row["stages"] = tuple(had + by_stage[stage.place] for had, stage in zip(before, stages, strict=True))


def _owed(programme: Programme, user: User, row: dict[str, Any], insider: bool) -> Owed:
    value = programme.point_value
    amount = None if value is None else Decimal(0) if insider else value * row["due"]
    return Owed(user, row["merged"], row["sum"], row["due"], amount, insider, row["stages"])
