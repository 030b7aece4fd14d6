"""Who is told what, once, and by which channel."""

from __future__ import annotations

import pytest

from hub.accounts.models import User
from hub.notify import actions, queries
from hub.notify.models import Notification
from tests.people import Cast

pytestmark = pytest.mark.django_db


def announced(*people: User, key: str = "season:1", **more: object) -> int:
    return actions.announce(people, key=key, title={"en": "Begins", "zh": "开始了"}, path="/tasks/", **more)


def test_an_announcement_reaches_everybody_once_however_often_it_is_made(cast: Cast) -> None:
    assert announced(cast.alice, cast.bob) == 2
    assert announced(cast.alice, cast.bob, cast.mei) == 1
    assert announced(cast.alice, key="season:2") == 1
    assert [row.user for row in Notification.objects.filter(key="announcement:season:1").order_by("id")] == [
        cast.alice,
        cast.bob,
        cast.mei,
    ]


def test_who_did_it_is_not_told_nor_is_a_house_account_nor_a_closed_one(cast: Cast) -> None:
    User.objects.filter(pk=cast.bob.pk).update(is_house=True)
    User.objects.filter(pk=cast.mei.pk).update(is_active=False)
    assert announced(*User.objects.all(), by=cast.max) == 1
    assert list(queries.notifications_of(cast.alice).values_list("path", flat=True)) == ["/tasks/"]
