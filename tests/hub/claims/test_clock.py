"""When a claim lapses: only pushes and pull request events count, and not while others have the turn."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.claims import actions, queries
from hub.core import clock


@pytest.fixture
def later(monkeypatch):
    """Move the clock on by so many days."""
    start = clock.now()

    def move(days: float) -> None:
        monkeypatch.setattr(clock, "now", lambda: start + timedelta(days=days))

    return move


def never(_claim) -> bool:
    return False


def test_a_claim_without_a_push_lapses_after_a_week(cast, make_task, later):
    claim = actions.claim(make_task(policy="exclusive"), cast.alice)
    later(6.9)
    assert actions.expire_due(never) == 0
    later(7.1)
    assert actions.expire_due(never) == 1
    claim.refresh_from_db()
    assert claim.state == "expired"


def test_a_push_in_the_last_moment_saves_the_claim(cast, make_task, later):
    task = make_task(policy="exclusive")
    claim = actions.claim(task, cast.alice)
    later(7.1)

    def pushed_just_now(_lapsed):
        actions.note_activity(task, cast.alice, pushed=True)
        return False

    assert actions.expire_due(pushed_just_now) == 0
    claim.refresh_from_db()
    assert claim.state == "active"


def test_a_push_winds_the_clock(cast, make_task, later):
    task = make_task(policy="exclusive")
    actions.claim(task, cast.alice)
    later(6)
    actions.note_activity(task, cast.alice, pushed=True)
    later(6 + 20.9)
    assert actions.expire_due(never) == 0
    later(6 + 21.1)
    assert actions.expire_due(never) == 1


def test_the_clock_stands_still_while_others_have_the_turn(cast, make_task, later):
    actions.claim(make_task(policy="exclusive"), cast.alice)
    later(30)
    assert actions.expire_due(lambda claim: True) == 0


def test_an_open_claim_never_lapses(cast, make_task, later):
    actions.claim(make_task(policy="open"), cast.alice)
    later(400)
    assert actions.expire_due(never) == 0


def test_whoever_lets_three_claims_lapse_holds_one_at_a_time_for_a_month(cast, make_task, later):
    slugs = ("vector-add", "row-softmax", "layer-norm-gelu")
    tasks = [make_task(slug, policy="exclusive") for slug in slugs]
    for number, task in enumerate(tasks):
        later(8 * number)
        actions.claim(task, cast.alice)
        later(8 * number + 7.5)
        actions.expire_due(never)
    assert queries.own_claims(task, cast.alice).allowed == 1
    later(3 * 8 + 31)
    assert queries.own_claims(task, cast.alice).allowed == 2
