"""When points become money: at once, or by tiers, month by month, the rest carried over.

With tiers of 40, 60, 80 and 100 a person is paid, for each month that is over, the highest of these numbers
of points that they have by then; what is left is carried over, and paid when the programme is over. Not in
charge of the ledger (`standings.ledger`). The hub moves no money: this says who is owed what.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from hub.catalog.models import Programme
from hub.core import clock

TIERS_MOST, TIER_MOST = 10, 1_000_000


def tiers_of(text: str) -> list[int]:
    """The numbers of points of a list such as "40, 60, 80, 100".

    Raises:
        ValueError: no such list: whole numbers from 1 on, each larger than the one before.
    """
    found = [int(one) for one in text.replace("，", ",").split(",")] if text.strip() else []
    rising = all(a < b for a, b in zip([0, *found], found, strict=False))
    if not rising or len(found) > TIERS_MOST or max(found, default=0) > TIER_MOST:
        raise ValueError(text)
    return found


def due(programme: Programme, booked: Iterable[tuple[datetime, int]]) -> int:
    """How many of these points, each booked at a moment, are to be paid by now."""
    by_month: Counter[int] = Counter()
    for at, points in booked:
        by_month[_month(programme, at)] += points
    tiers, now = tiers_of(programme.payout_tiers), clock.now()
    if not tiers or programme.stage(now) == Programme.Stage.OVER:
        return by_month.total()
    paid = rest = 0
    this_month = _month(programme, now)
    for month in range(min(by_month, default=this_month), this_month):
        rest += by_month[month]
        step = max((tier for tier in tiers if tier <= rest), default=0)
        paid, rest = paid + step, rest - step
    return paid


def _month(programme: Programme, at: datetime) -> int:
    """The number of a calendar month, where the programme is."""
    here = timezone.localtime(at, programme.zone)
    return here.year * 12 + here.month
