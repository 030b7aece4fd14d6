"""The ledger pays once, forgets nothing and is always summed."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from hub.core import clock
from hub.rewards import actions, queries
from hub.rewards.models import Reward


def test_the_same_key_pays_once(cast):
    assert actions.book(cast.alice, "merge", 20, None, "merge:1:alice")
    assert not actions.book(cast.alice, "merge", 20, None, "merge:1:alice")
    assert queries.points_of(cast.alice) == 20


def test_a_mistake_is_reversed_by_a_row_of_its_own(cast):
    actions.book(cast.alice, "merge", 20, None, "merge:1:alice")
    row = Reward.objects.get()
    assert actions.reverse(row, cast.max, "wrong task")
    assert not actions.reverse(row, cast.max, "wrong task")
    assert queries.points_of(cast.alice) == 0
    assert queries.ledger_of(cast.alice).count() == 2


def test_the_house_earns_nothing(cast):
    cast.bob.is_house = True
    assert not actions.book(cast.bob, "merge", 20, None, "merge:1:bob")


def test_rows_cannot_be_changed_or_deleted(cast):
    actions.book(cast.alice, "merge", 20, None, "merge:1:alice")
    row = Reward.objects.get()
    with pytest.raises(TypeError, match="append-only"):
        row.save()
    with pytest.raises(TypeError, match="append-only"):
        row.delete()
    with pytest.raises(TypeError, match="append-only"):
        Reward.objects.all().update(points=1000)
    with pytest.raises(TypeError, match="append-only"):
        Reward.objects.all().delete()


def test_the_database_itself_refuses_to_pay_twice(cast):
    actions.book(cast.alice, "merge", 20, None, "merge:1:alice")
    with pytest.raises(IntegrityError, match=r"dedupe_key|reward_paid_once"), transaction.atomic():
        Reward.objects.create(
            user=cast.alice, kind="merge", points=20, dedupe_key="merge:1:alice", at=clock.now()
        )
