"""Ten confirmed entries and the first of them have medals, which go with the rank."""

from __future__ import annotations

import pytest

from hub.accounts.models import User
from hub.boards import stored
from hub.boards.medals import LEAST, medal
from hub.boards.models import Standing
from tests.hub.boards.test_boards import HARDWARE, Bench, bench
from tests.hub.web.conftest import Visitor

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
__all__ = ["bench"]
GOLD = "Medals, from ten confirmed entries on"


def crowd(bench: Bench, number: int) -> None:
    """So many people with confirmed entries, each clearly slower than the one before."""
    for place in range(number):
        who = User.objects.create_user(f"person-{place}")
        patch_set = bench.pull(who)
        for kind in ("rank", "confirm"):
            bench.verdict(patch_set, 9.0 - place / 2, kind=kind)


def medals(bench: Bench) -> list[str]:
    board = stored.Whole(bench.task, HARDWARE)
    return [medal(entry, board.confirmed) for entry in board[:]]


def test_a_tenth_has_gold_the_next_silver_and_two_more_bronze(bench: Bench) -> None:
    crowd(bench, LEAST - 1)
    assert medals(bench) == [""] * 9
    assert GOLD not in Visitor(None).get(f"/boards/vector-add/{HARDWARE}/")
    bench.verdict(bench.pull(User.objects.create_user("lucky")), 20.0)  # nothing stands behind it
    assert set(medals(bench)) == {""}
    last = bench.pull(User.objects.create_user("last"))
    for kind in ("rank", "confirm"):
        bench.verdict(last, 1.0, kind=kind)
    assert medals(bench) == ["", "silver", "bronze", "bronze", *[""] * 7]
    page = Visitor(None, "zh-hans").get(f"/boards/vector-add/{HARDWARE}/")
    assert [page.count(f'">{name}</span>') for name in ("银牌", "铜牌")] == [1, 2]


def test_who_shares_a_rank_shares_the_medal_and_the_house_has_none(bench: Bench) -> None:
    crowd(bench, LEAST)
    Standing.objects.filter(place=2).update(rank=1, tied=True)
    assert medals(bench)[:3] == ["gold", "gold", "bronze"]
    User.objects.filter(username="person-0").update(is_house=True)
    assert set(medals(bench)) == {""}  # nine people are too few
