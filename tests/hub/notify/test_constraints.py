"""The database itself refuses what must never be: each named constraint is tried."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from hub.core import clock
from hub.core.constraints import broken
from hub.notify.actions import announce
from hub.notify.models import Delivery, Hook, Notification
from tests.hub.racing import at_once
from tests.people import Cast


def told_twice(cast: Cast) -> None:
    for _ in range(2):
        Notification.objects.create(user=cast.alice, key="k", kind="turn", path="/", at=clock.now())


def hook_of_nobody(cast: Cast) -> None:
    Hook.objects.create(url="https://example.org/", salt="s", made_by=cast.alice, made_at=clock.now())


def mail_to_nobody(cast: Cast) -> None:
    Delivery.objects.create(key="k", channel="email", made_at=clock.now(), not_before=clock.now())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "name", "attempt"),
    [
        (Notification, "notification_told_once", told_twice),
        (Hook, "hook_of_a_person_or_a_task", hook_of_nobody),
        (Delivery, "delivery_goes_somewhere", mail_to_nobody),
    ],
)
def test_a_constraint_refuses(
    cast: Cast, model: type[Notification], name: str, attempt: Callable[[Cast], None]
) -> None:
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        attempt(cast)
    assert broken(refused.value, model, name)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_several_who_tell_the_same_at_once_one_does(cast: Cast) -> None:
    cast.alice.email = "alice@example.org"
    cast.alice.save()
    at_once([lambda: announce([cast.alice], key="season", title="News", path="/")] * 4)
    assert (Notification.objects.count(), Delivery.objects.count()) == (1, 1)
