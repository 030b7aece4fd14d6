"""A digest tells what a day or a week brought, once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail

from hub.claims import actions as claims
from hub.core import clock
from hub.notify import actions, deliveries, digests
from hub.notify.models import Delivery, Notification, Wishes
from hub.reminding import remind
from tests.hub.conftest import new_task
from tests.people import Cast

pytestmark = pytest.mark.django_db
TUESDAY = datetime.fromisoformat("2026-11-24T15:00:00+00:00")


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    def set_clock(moment: datetime) -> None:
        monkeypatch.setattr(clock, "now", lambda: moment)

    return set_clock


def told(cast: Cast, key: str) -> None:
    actions.announce([cast.alice], key=key, title=f"News {key}", path="/tasks/")


@pytest.fixture
def daily(cast: Cast, at: Callable[[datetime], None]) -> Wishes:
    cast.alice.email = "alice@example.org"
    cast.alice.save()
    at(TUESDAY)
    return Wishes.objects.create(user=cast.alice, digest="daily")


def test_a_digest_is_made_after_the_day_and_sent_once_though_two_sweepers_make_it(
    daily: Wishes, cast: Cast, at: Callable[[datetime], None]
) -> None:
    told(cast, "a")
    told(cast, "b")
    assert (digests.collect(), deliveries.send_due()) == (0, 0)
    at(TUESDAY + timedelta(hours=9, minutes=1))
    told(cast, "of the next day")
    assert [digests.collect(), digests.collect()] == [1, 0]
    assert [deliveries.send_due(), deliveries.send_due()] == [1, 0]
    assert mail.outbox[0].subject == "[Touchstone] 2 things for you"
    assert "News a" in mail.outbox[0].body
    assert "of the next day" not in mail.outbox[0].body


def test_what_was_read_in_the_site_is_left_out(
    daily: Wishes, cast: Cast, at: Callable[[datetime], None]
) -> None:
    told(cast, "a")
    actions.read(cast.alice, Notification.objects.get().pk)
    at(TUESDAY + timedelta(days=1))
    assert digests.collect() == 0


def test_a_weekly_digest_waits_for_monday(daily: Wishes, cast: Cast, at: Callable[[datetime], None]) -> None:
    Wishes.objects.update(digest="weekly")
    told(cast, "a")
    made = []
    for days in (1, 5, 6, 7):  # Wednesday, Sunday, Monday, Tuesday
        at(TUESDAY + timedelta(days=days))
        made.append(digests.collect())
    assert made == [0, 0, 1, 0]


def test_that_a_claim_ends_soon_does_not_wait_for_a_digest(
    daily: Wishes, cast: Cast, at: Callable[[datetime], None]
) -> None:
    claims.claim(new_task(policy="exclusive"), cast.alice)
    at(TUESDAY + timedelta(days=6))
    remind()
    assert Delivery.objects.get().kind == "reminder"


def test_an_address_that_nobody_confirmed_gets_no_mail(daily: Wishes, cast: Cast) -> None:
    Wishes.objects.update(digest="off")
    EmailAddress.objects.create(user=cast.alice, email="alice@example.org", verified=False)
    told(cast, "a")
    assert not Delivery.objects.exists()


def test_what_was_told_long_ago_goes(daily: Wishes, cast: Cast, at: Callable[[datetime], None]) -> None:
    Wishes.objects.update(digest="off")
    told(cast, "a")
    deliveries.send_due()
    at(TUESDAY + actions.DELIVERIES_KEPT + timedelta(days=1))
    assert actions.forget_old() == 1
    at(TUESDAY + actions.NOTIFICATIONS_KEPT + timedelta(days=1))
    assert actions.forget_old() == 1
