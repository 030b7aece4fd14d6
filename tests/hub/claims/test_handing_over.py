"""A claim that goes to somebody else: offered by name, taken or declined, its clock begun anew."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from hub import leaving, studying
from hub.audit.queries import events_about
from hub.claims import actions, queries
from hub.claims.models import Claim
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.notify.kinds import sentence
from hub.notify.models import Notification
from tests import people
from tests.hub.racing import at_once

NOTE = "The tail loop is right; the branch is alice/tail."
TITLE = "“Vector addition: your first kernel”"


@pytest.fixture
def offered(cast, make_task):
    """Alice's claim, offered to bob."""
    claim = actions.claim(make_task(policy="exclusive", slots=1), cast.alice)
    studying.offer(claim, cast.alice, "bob", NOTE)
    return claim


def test_whoever_takes_an_offered_claim_has_its_slot_and_a_clock_of_their_own(cast, offered):
    Claim.objects.filter(pk=offered.pk).update(active_since=clock.now() - timedelta(days=6))
    taken = studying.take_over(offered, cast.bob)
    assert (taken.user, taken.state, taken.slot, taken.taken_from) == (cast.bob, "active", 1, offered)
    assert (offered.state, offered.hand_over) == ("superseded", NOTE)
    assert queries.clock(taken).first_push_due > clock.now() + timedelta(days=6.9)
    assert queries.may_push(taken.task, cast.bob)
    assert not queries.may_push(taken.task, cast.alice)
    assert [event.verb for event in events_about(offered)] == [
        "claim.active",
        "claim.offered",
        "claim.superseded",
    ]


def test_until_it_is_taken_an_offered_claim_stays_with_its_holder_and_runs_out(cast, offered, monkeypatch):
    assert queries.may_push(offered.task, cast.alice)
    later = clock.now() + timedelta(days=7.1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert actions.expire_due(lambda _claim: False) == 1
    with pytest.raises(NotNow, match="not on offer by now"):
        studying.take_over(offered, cast.bob)


def test_both_and_the_mentors_hear_of_it(cast, offered):
    offered.task.mentors.add(cast.mei)
    assert told(cast.bob) == [f"alice would like to hand {TITLE} over to you: take it or decline."]
    studying.take_over(offered, cast.bob)
    for person in (cast.alice, cast.bob, cast.mei):
        assert told(person)[-1] == f"bob has taken {TITLE} over from alice."


def test_a_declined_offer_is_told_and_may_be_made_again(cast, offered):
    studying.end_offer(offered, cast.bob)
    assert told(cast.alice) == [f"bob does not take {TITLE} over: it stays yours."]
    offered.refresh_from_db()
    studying.offer(offered, cast.alice, "bob", NOTE)
    assert len(told(cast.bob)) == 2
    studying.end_offer(offered, cast.alice)
    with pytest.raises(NotNow, match="not on offer by now"):
        studying.take_over(offered, cast.bob)


@pytest.mark.parametrize(
    ("name", "why"), [("alice", "hold it already"), ("nobody", "Nobody is called “nobody”"), ("", "Nobody")]
)
def test_it_is_offered_to_somebody_else_who_is_here(cast, make_task, name, why):
    claim = actions.claim(make_task(policy="exclusive"), cast.alice)
    with pytest.raises(BadInput, match=why):
        actions.offer(claim, cast.alice, name)


def test_only_its_holder_offers_it_and_only_who_is_named_takes_or_declines_it(cast, offered):
    with pytest.raises(NotAllowed, match="alice's claim"):
        actions.offer(offered, cast.mei, "bob")
    for act in (actions.take_over, actions.end_offer):
        with pytest.raises(NotAllowed, match="not offered to you"):
            act(offered, cast.mei)


def test_whoever_holds_enough_claims_is_offered_none_and_takes_none(cast, offered, make_task):
    for slug in ("row-softmax", "layer-norm-gelu"):
        task = make_task(slug, policy="exclusive", slots=2)
        actions.claim(task, cast.bob)
    with pytest.raises(NotNow, match="You hold 2 of 2 claims"):
        studying.take_over(offered, cast.bob)
    more = actions.claim(task, cast.mei)
    with pytest.raises(NotNow, match="bob cannot hold a claim on this task"):
        actions.offer(more, cast.mei, "bob")


@pytest.mark.slow
def test_whoever_has_not_done_what_the_task_requires_cannot_take_it(cast, offered, monkeypatch):
    monkeypatch.setattr(studying.lessons, "why_not_begin", lambda *_given: "A course comes first.")
    with pytest.raises(NotNow, match="A course comes first"):
        studying.take_over(offered, cast.bob)


def test_a_claim_does_not_travel_on_without_a_push(cast, offered):
    taken = studying.take_over(offered, cast.bob)
    with pytest.raises(NotNow, match="push something before you hand it on"):
        actions.offer(taken, cast.bob, "mei")
    with pytest.raises(NotNow, match="claim it again on"):
        actions.claim(taken.task, cast.alice)
    actions.note_activity(taken.task, cast.bob, pushed=True)
    taken.refresh_from_db()
    actions.offer(taken, cast.bob, "@mei")
    assert taken.offered_to == cast.mei


@pytest.mark.slow
def test_an_open_task_is_not_handed_over(cast, make_task):
    claim = actions.claim(make_task(policy="open"), cast.alice)
    with pytest.raises(NotNow, match="whoever likes claims it"):
        actions.offer(claim, cast.alice, "bob")


@pytest.mark.slow
def test_an_offer_to_somebody_who_leaves_is_declined(cast, offered):
    leaving.leave(cast.bob, "bob")
    offered.refresh_from_db()
    assert offered.offered_to is None


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_who_takes_two_offers_at_once_is_counted(cast, make_task):
    """Bob holds one claim of two, and takes two more at the same moment."""
    actions.claim(make_task("layer-norm-gelu", policy="exclusive"), cast.bob)
    offers = []
    for slug, user in (("vector-add", cast.alice), ("row-softmax", cast.mei)):
        claim = actions.claim(make_task(slug, policy="exclusive"), user)
        actions.offer(claim, user, "bob")
        offers.append(claim)
    found = at_once([lambda one=one: actions.take_over(one, cast.bob) for one in offers])
    assert sorted(type(each).__name__ for each in found) == ["Claim", "NotNow"]
    assert Claim.objects.filter(user=cast.bob, state="active").count() == 2
    assert Claim.objects.filter(state="superseded").count() == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_offer_is_taken_or_taken_back_never_both(cast, make_task):
    claim = actions.claim(make_task(policy="exclusive", slots=1), cast.alice)
    actions.offer(claim, cast.alice, "bob")
    again = Claim.objects.get(pk=claim.pk)
    found = at_once(
        [lambda: actions.take_over(claim, cast.bob), lambda: actions.end_offer(again, cast.alice)]
    )
    assert sum(isinstance(each, NotNow) for each in found) == 1
    assert Claim.objects.filter(state="active").count() == 1


@pytest.mark.parametrize(
    ("constraint", "columns"),
    [
        ("claim_handed_over_once", {"taken_from": "offered"}),
        ("claim_offered_to_another", {"offered_to": "mei"}),
    ],
)
def test_the_database_itself_keeps_a_claim_from_going_to_two(cast, offered, constraint, columns):
    taken = studying.take_over(offered, cast.bob)
    known = {"offered": offered, "mei": cast.mei}
    with pytest.raises(IntegrityError, match=rf"{constraint}|claims_claim\.taken_from"), transaction.atomic():
        Claim.objects.create(
            task=taken.task,
            user=cast.mei,
            slot=2,
            state="active",
            requested_at=clock.now(),
            **{name: known[value] for name, value in columns.items()},
        )


def told(person: people.User) -> list[str]:
    return [sentence(row.what, row.words) for row in Notification.objects.filter(user=person).order_by("pk")]
