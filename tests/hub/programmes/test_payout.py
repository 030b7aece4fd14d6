"""Points become money by tiers, month by month, the rest carried over and paid at the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from hub.catalog.models import Programme
from hub.core import clock
from hub.programmes.payout import due, tiers_of
from hub.programmes.statements import statement
from hub.programmes.transfer import take_in, written
from hub.rewards.models import Reward
from tests.hub.programmes.conftest import new_programme
from tests.hub.replay import played_once
from tests.hub.story import Story
from tests.hub.web.conftest import Visitor
from tests.people import Cast

NOW = datetime(2026, 5, 10, tzinfo=UTC)
TIERS = "40, 60, 80, 100"


def programme(**columns: object) -> Programme:
    return Programme(payout_tiers=TIERS, time_zone="Asia/Shanghai", **columns)


def on(month: int, day: int = 15, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


@pytest.fixture
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.mark.usefixtures("_now")
@pytest.mark.parametrize(
    ("booked", "expected"),
    [
        ([], 0),
        ([(on(4), 30)], 0),  # below the first tier
        ([(on(4), 70)], 60),  # 10 are carried over …
        ([(on(3), 70), (on(4), 30)], 100),  # … and are 40 with the next month's
        ([(on(2), 250)], 240),  # a hundred a month at most: February, March; then forty of the rest
        ([(on(5), 90)], 0),  # this month is not over
        ([(on(4, 30, 17), 90)], 0),  # where the programme is, it is May already
        ([(on(3), 50), (on(4), -50)], 40),  # a mistake was booked back after it was paid
    ],
)
def test_a_month_pays_the_highest_tier_that_is_reached(
    booked: list[tuple[datetime, int]], expected: int
) -> None:
    assert due(programme(), booked) == expected
    assert due(programme(ends_at=NOW - timedelta(days=1)), booked) == sum(points for _at, points in booked)


@pytest.mark.parametrize("text", ["40, 30", "0, 10", "40,,60", "x", "-5", "10, 10"])
def test_tiers_are_rising_numbers(text: str) -> None:
    assert tiers_of(" 40，60 ") == [40, 60]
    assert tiers_of("") == []
    with pytest.raises(ValueError, match=r".+"):
        tiers_of(text)


@played_once
def paid(story: Story, cast: Cast) -> Programme:
    made = new_programme(
        cast, [story.task], kind="internship", policy="open", point_value=50, currency="CNY",
        payout_tiers="5, 8", starts_at=-90, ends_at=90,
    )  # fmt: skip
    story.worker()
    story.merged(cast.alice, cast.mei, cast.max)
    return made


@pytest.mark.slow
def test_the_statement_says_what_is_due_and_what_is_carried_over(paid: Programme, cast: Cast) -> None:
    booked = Reward.objects.get(kind="merge")
    [line] = [owed for owed in statement(paid) if owed.user == cast.alice]
    assert (line.due, line.rest, line.amount) == (0, booked.points, Decimal(0))
    page = Visitor(cast.max).get("/programmes/spring/statement/")
    assert "Carried over" in page
    assert "5, 8" in Visitor(None).get("/programmes/spring/")
    file = written(paid, cast.max).replace('"slug": "spring"', '"slug": "autumn"').encode()
    paid.tasks.update(programme=None)
    assert take_in(file, cast.max, lambda *_: None).payout_tiers == "5, 8"
